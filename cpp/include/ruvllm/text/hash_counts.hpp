// How often each 32-bit hash occurred, in the order of first occurrence. Made to be cleared and filled again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ruvllm::components {

class HashCounts {
public:
    struct Entry {
        std::uint32_t hash, count;
    };

    HashCounts() : slots_(1024) {}

    [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }

    // Takes no time for the slots: those of an earlier round count as free.
    void clear() noexcept
    {
        entries_.clear();
        ++round_;
    }

    void add(std::uint32_t hash)
    {
        Slot& slot = find(hash);
        if (slot.round == round_) {
            ++entries_[slot.entry].count;
            return;
        }
        slot = {round_, static_cast<std::uint32_t>(entries_.size())};
        entries_.push_back({hash, 1});
        if (2 * entries_.size() > slots_.size())
            grow();
    }

private:
    struct Slot {
        std::uint64_t round = 0;
        std::uint32_t entry = 0;
    };

    // Open addressing: the slot that holds `hash`, or the first free one from where it belongs.
    [[nodiscard]] Slot& find(std::uint32_t hash) noexcept
    {
        std::size_t i = hash % slots_.size();
        while (slots_[i].round == round_ && entries_[slots_[i].entry].hash != hash)
            i = (i + 1) % slots_.size();
        return slots_[i];
    }

    void grow()
    {
        slots_.assign(2 * slots_.size(), {});
        for (std::uint32_t i = 0; i < entries_.size(); ++i)
            find(entries_[i].hash) = {round_, i};
    }

    std::vector<Slot> slots_; // a power of two, at most half of them in use
    std::vector<Entry> entries_;
    std::uint64_t round_ = 1;
};

} // namespace ruvllm::components
