// An engine that was saved and restored makes the same next draws as one that never was; no piece of it is spare.
#include "ruvllm/engine/engine_state.hpp"

#include <functional>
#include <limits>

#include "engine_cases.hpp"
#include "every_isa.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

struct Setting {
    const char* name;
    std::function<void(EngineConfig&)> change;
};

const std::vector<Setting>& settings()
{
    static const std::vector<Setting> all{
        {"v3", [](EngineConfig&) {}},
        {"single adapter", [](EngineConfig& c) { c.lora.heads = 0; }},
        {"best patterns",
         [](EngineConfig& c) {
             c.replay_policy = ReplayPolicy::best_patterns;
             c.learn_from = LearnFrom::successes_and_confident_failures;
             c.pattern_quality = 0.1f;
         }},
        {"uniform, running sum",
         [](EngineConfig& c) {
             c.replay_policy = ReplayPolicy::uniform;
             c.ewc.running_sum = true;
         }},
        {"summed gradients", [](EngineConfig& c) { c.accumulate = true; }},
        {"random gradient", [](EngineConfig& c) { c.control = Control::random_gradient; }},
        {"shuffled", [](EngineConfig& c) { c.control = Control::shuffled; }},
        {"frozen", [](EngineConfig& c) { c.control = Control::frozen; }},
        {"small rings and a small buffer",
         [](EngineConfig& c) {
             c.contrastive.positives = c.contrastive.negatives = 20;
             c.replay.capacity = 70;
         }},
        {"smaller rings", [](EngineConfig& c) { c.contrastive.positives = c.contrastive.negatives = 12; }},
    };
    return all;
}

[[nodiscard]] EngineConfig config_of(const Setting& setting)
{
    EngineConfig config = small_config();
    setting.change(config);
    return config;
}

class EngineStateTest : public EveryIsa {
protected:
    const SimulatedWorld world = small_world(kernels);

    // Stopped in the middle of an epoch: a batch of the Fisher information is open, gradients are summed.
    [[nodiscard]] LearningEngine learned(const EngineConfig& config) const
    {
        LearningEngine engine(kernels, world, config);
        run_epoch(engine, 0, 40, 0.002f);
        engine.consolidate();
        run_epoch(engine, 40, 40, 0.002f);
        engine.train(numbers(80, 15), 0.002f, 0.8);
        engine.learn_patterns();
        engine.replay(7, 0.002f);
        return engine;
    }

    // What it does next, and what it is then.
    [[nodiscard]] static RunRecord goes_on(LearningEngine& engine)
    {
        RunRecord record;
        record.add(std::vector{engine.replay(30, 0.002f)});
        engine.step_along_sum(0.1f);
        engine.end_epoch();
        for (std::uint32_t epoch = 0; epoch < 2; ++epoch)
            record.add(run_epoch(engine, 100 + 40 * epoch, 40, 0.002f, 0.7));
        engine.consolidate();
        engine.step_along_sum(0.1f);
        record.add(run_epoch(engine, 180, 10, 0.002f));
        record.add(engine.evaluate(numbers(300, 40)));
        record.add(engine);
        for (const auto& [name, values] : state_of(engine)) // which solutions are remembered, and in what order
            if (name.ends_with(".origins"))
                record.add(std::get<std::vector<std::uint64_t>>(values));
        return record;
    }
};
RUVLLM_ON_EVERY_ISA(EngineStateTest);

TEST_P(EngineStateTest, ARestoredTwinGoesOnToTheBit)
{
    for (const Setting& setting : settings()) {
        LearningEngine original = learned(config_of(setting));
        LearningEngine twin(kernels, world, config_of(setting));
        twin.train(numbers(200, 20), 0.01f, 1.0); // which is forgotten
        restore(twin, state_of(original));
        EXPECT_EQ(state_of(twin), state_of(original)) << setting.name;
        EXPECT_EQ(goes_on(twin), goes_on(original)) << setting.name;
        EXPECT_EQ(state_of(twin), state_of(original)) << setting.name;
    }
}

TEST_P(EngineStateTest, StatesAreTheSameOnEveryInstructionSet)
{
    const simd::KernelTable& other = simd::kernels_for(simd::Isa::scalar);
    const SimulatedWorld there = small_world(other);
    LearningEngine here = learned(small_config()), twin(other, there, small_config());
    restore(twin, state_of(here));
    EXPECT_EQ(goes_on(twin), goes_on(here));
}

// Each array is there for a reason: as of an engine that has seen nothing, it leads elsewhere or is refused.
TEST_P(EngineStateTest, NoArrayIsSpare)
{
    const auto leads_elsewhere = [&](const std::string& name) {
        for (const Setting& setting : settings()) {
            const EngineConfig config = config_of(setting);
            LearningEngine original = learned(config), twin(kernels, world, config);
            EngineState state = state_of(original);
            const EngineState fresh = state_of(LearningEngine(kernels, world, config));
            const auto found = fresh.find(name);
            if (!state.contains(name) || (found != fresh.end() && found->second == state[name]))
                continue;
            if (found == fresh.end())
                std::visit([](auto& values) { std::ranges::fill(values, 0); }, state[name]);
            else
                state[name] = found->second;
            try {
                restore(twin, state);
            } catch (const std::invalid_argument&) {
                return true;
            }
            if (!(goes_on(twin) == goes_on(original)))
                return true;
        }
        return false;
    };
    std::map<std::string, std::vector<std::string>> kinds; // of adapters and rings one number is enough
    for (const Setting& setting : settings())
        for (const auto& [name, values] : state_of(learned(config_of(setting)))) {
            std::string kind = name;
            std::ranges::replace_if(kind, [](char c) { return c >= '0' && c <= '9'; }, '#');
            kinds[kind].push_back(name);
        }
    for (const auto& [kind, names] : kinds)
        EXPECT_TRUE(std::ranges::any_of(names, leads_elsewhere)) << kind;
}

TEST_P(EngineStateTest, WhatIsNoStateOfThisEngineIsRefusedAndChangesNothing)
{
    LearningEngine engine = learned(small_config());
    const EngineState good = state_of(engine);
    const auto refused = [&](const std::string& name, StateArray values) {
        EngineState state = good;
        state[name] = std::move(values);
        try {
            restore(engine, state);
            return ::testing::AssertionFailure() << name << " was taken";
        } catch (const std::invalid_argument&) {
        } catch (const std::out_of_range&) {
        }
        if (state_of(engine) != good)
            return ::testing::AssertionFailure() << name << " changed something";
        return ::testing::AssertionSuccess();
    };
    const std::size_t p = engine.lora().parameters_per_adapter();
    using Floats = std::vector<float>;
    using Counts = std::vector<std::uint64_t>;
    EXPECT_TRUE(refused("lora.0.parameters", Floats(p + 1)));
    EXPECT_TRUE(refused("lora.0.parameters", std::vector<double>(p)));
    EXPECT_TRUE(refused("lora.1.velocity", Floats(p, std::numeric_limits<float>::quiet_NaN())));
    EXPECT_TRUE(refused("no.such.array", Floats{}));
    EXPECT_TRUE(refused("replay.beta", std::vector<double>{1.5}));
    EXPECT_TRUE(refused("replay.beta", std::vector<double>{}));
    EXPECT_TRUE(refused("trajectories.task", std::vector<std::uint32_t>(95, 400)));
    EXPECT_TRUE(refused("trajectories.task", std::vector<std::uint32_t>(3)));
    EXPECT_TRUE(refused("patterns.types", std::vector<std::uint8_t>(3)));
    EXPECT_TRUE(refused("patterns.members", Counts{95}));
    EXPECT_TRUE(refused("patterns.memberCounts", Counts{std::numeric_limits<std::uint64_t>::max()}));
    EXPECT_TRUE(refused("memory.positives.0.origins", Counts{400 * 8}));
    EXPECT_TRUE(refused("memory.positives.0.origins", Counts(126)));
    EXPECT_TRUE(refused("memory.negatives.0.oldest", Counts{1}));
    EngineState without = good;
    without.erase("epoch");
    EXPECT_THROW(restore(engine, without), std::invalid_argument);
    EXPECT_EQ(state_of(engine), good);
}

} // namespace
