// Summed gradients: what moves nothing.
#include "ruvllm/engine/learning_engine.hpp"

#include "accumulation_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class EngineIdleSteps : public AccumulationCase {};
RUVLLM_ON_EVERY_ISA(EngineIdleSteps);

TEST_P(EngineIdleSteps, AttemptsMoveNothingUntilTheStep)
{
    LearningEngine engine = moved_engine(summing_config(4));
    const Doubles before = parameters(engine);
    const auto answers = engine.evaluate(numbers(30, 30));
    for (std::uint32_t index = 20; index < 30; ++index)
        EXPECT_GT(engine.train({{index}}, 0.5f, 1.0)[0].loss, 0.0);
    EXPECT_GT(engine.replay(10, 0.5f), 0.0);
    EXPECT_EQ(parameters(engine), before);
    EXPECT_TRUE(same_outcomes(engine.evaluate(numbers(30, 30)), answers));
    engine.step_along_sum(0.1f);
    EXPECT_NE(parameters(engine), before);
}

TEST_P(EngineIdleSteps, AStepEmptiesTheSum)
{
    LearningEngine engine = moved_engine(summing_config(4));
    engine.train(numbers(20, 10), 0.0f, 1.0);
    engine.step_along_sum(0.25f);
    const Doubles before = parameters(engine);
    engine.step_along_sum(0.25f);
    EXPECT_EQ(parameters(engine), before);
    engine.train(numbers(30, 3), 0.0f, 1.0);
    engine.step_along_sum(0.25f);
    expect_step_along(before, parameters(engine), 0.25f, sum_of(engine.config().lora, before, 30, 3));
}

// A step of length 0 is a step: what was summed is gone.
TEST_P(EngineIdleSteps, AStepOfNoLengthEmptiesTheSumAndMovesNothing)
{
    LearningEngine engine = moved_engine(summing_config(4));
    const Doubles before = parameters(engine);
    engine.train(numbers(20, 10), 0.0f, 1.0);
    engine.step_along_sum(0.0f);
    engine.step_along_sum(0.25f);
    EXPECT_EQ(parameters(engine), before);
}

// Neither momentum nor the penalty moves anything where nothing was summed.
TEST_P(EngineIdleSteps, AZeroSumMovesNothing)
{
    EngineConfig config = summing_config(4);
    config.momentum = 0.9f;
    LearningEngine engine(kernels, tasks, config);
    const Doubles start = parameters(engine);
    engine.step_along_sum(0.25f);
    EXPECT_EQ(parameters(engine), start);
    engine.train(numbers(0, 20), 0.0f, 1.0);
    engine.replay(10, 0.0f);
    engine.end_epoch();
    engine.consolidate();
    engine.step_along_sum(0.25f);
    const Doubles before = parameters(engine);
    ASSERT_GT(engine.ewc().penalty(engine.parameters()), 0.0);
    engine.step_along_sum(0.25f);
    EXPECT_EQ(parameters(engine), before);
}

TEST_P(EngineIdleSteps, WithoutItThereIsNoSum)
{
    EngineConfig config = summing_config(4);
    config.accumulate = false;
    LearningEngine engine(kernels, tasks, config), again(kernels, tasks, config);
    for (LearningEngine* each : {&engine, &again}) {
        each->train(numbers(0, 20), 0.05f, 1.0);
        const Doubles before = parameters(*each);
        if (each == &engine) {
            each->step_along_sum(0.25f);
            EXPECT_EQ(parameters(*each), before);
        }
        each->train(numbers(20, 20), 0.05f, 1.0);
    }
    EXPECT_EQ(parameters(engine), parameters(again));
}

TEST_P(EngineIdleSteps, FrozenTakesNoStep)
{
    EngineConfig config = summing_config(4);
    config.control = Control::frozen;
    LearningEngine engine(kernels, tasks, config);
    const Doubles before = parameters(engine);
    engine.train(numbers(0, 20), 0.5f, 1.0);
    engine.replay(10, 0.5f);
    engine.step_along_sum(0.25f);
    EXPECT_EQ(parameters(engine), before);
}

} // namespace
