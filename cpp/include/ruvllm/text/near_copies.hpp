// Which tasks are copies of one another, and which known task is nearest to a new one.
//
// A task is a prompt and a solution. How similar two tasks are is the mean of how similar their prompts and their
// solutions are (text_pieces.hpp), in [0, 1]; or the prompts alone. Near copies have at least 1/2: an equal prompt or an
// equal solution is enough by itself.
//
// Pairs of similar texts are found exactly, by prefix filtering over the rarest pieces (Chaudhuri et al. 2006; Bayardo et
// al. 2007, "Scaling up all pairs similarity search"): none is missed, as MinHash would now and then.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ruvllm/text/text_pieces.hpp"

namespace ruvllm::components {

// From pieces to the texts that were added with them, the latest first.
class PieceIndex {
public:
    explicit PieceIndex(std::size_t expected)
        : first_(std::bit_ceil(std::clamp<std::size_t>(expected, 1024, std::size_t{1} << 24)), none)
    {
    }

    void add(std::uint32_t piece, std::uint32_t text)
    {
        std::uint32_t& first = first_[piece & (first_.size() - 1)];
        entries_.push_back({piece, text, first});
        first = static_cast<std::uint32_t>(entries_.size() - 1);
    }

    template <class F>
    void for_each(std::uint32_t piece, F f) const
    {
        for (std::uint32_t i = first_[piece & (first_.size() - 1)]; i != none; i = entries_[i].next)
            if (entries_[i].piece == piece)
                f(entries_[i].text);
    }

private:
    static constexpr std::uint32_t none = 0xffffffffu;
    struct Entry {
        std::uint32_t piece, text, next;
    };

    std::vector<std::uint32_t> first_;
    std::vector<Entry> entries_;
};

// Calls f(a, b) once for each pair of different texts with a similarity of at least 1/2.
template <class F>
void for_each_similar_pair(const TextPieces& texts, F f)
{
    constexpr std::size_t smoothing = TextPieces::smoothing;
    std::vector<std::uint32_t> order(texts.size()), seen(texts.size(), 0), prefix, found;
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::stable_sort(order, {}, [&](std::uint32_t text) { return texts.of(text).size(); });
    PieceIndex index(1 << 20);
    std::uint32_t round = 0;
    for (const std::uint32_t text : order) {
        const std::size_t n = texts.of(text).size();
        // at least half of the pieces of both together are shared; with a text of n pieces or more, two thirds of n
        const std::size_t needed = (n + smoothing + 1) / 2, needed_later = (2 * n + smoothing + 2) / 3;
        ++round;
        if (needed > n)
            continue;
        prefix.assign(texts.of(text).begin(), texts.of(text).end());
        std::ranges::sort(prefix, {}, [&](std::uint32_t p) { return std::pair(texts.frequency(p), p); });
        found.clear();
        for (std::size_t i = 0; i < n - needed + 1; ++i)
            index.for_each(prefix[i], [&](std::uint32_t other) {
                if (seen[other] != round && 2 * texts.of(other).size() >= n + smoothing) {
                    seen[other] = round;
                    found.push_back(other);
                }
            });
        for (const std::uint32_t other : found)
            if (texts.similarity(other, text) >= 0.5)
                f(other, text);
        for (std::size_t i = 0; i + needed_later < n + 1; ++i)
            index.add(prefix[i], text);
    }
}

// Groups of things that belong together, by their smallest member.
class Groups {
public:
    explicit Groups(std::span<const std::uint32_t> start) : root_(start.begin(), start.end()) {}

    [[nodiscard]] std::uint32_t of(std::uint32_t i) noexcept
    {
        while (root_[i] != i)
            i = root_[i] = root_[root_[i]];
        return i;
    }

    void join(std::uint32_t i, std::uint32_t j) noexcept
    {
        i = of(i), j = of(j);
        root_[std::max(i, j)] = std::min(i, j);
    }

private:
    std::vector<std::uint32_t> root_;
};

// Tasks as numbers of their texts: element i of each belongs to task i.
struct TaskTexts {
    std::span<const std::uint32_t> prompts, solutions;
};

class TaskCopies {
public:
    // No two prompts and no two solutions may be alike. With `by_prompt` solutions do not count.
    TaskCopies(std::span<const std::string_view> prompts, std::span<const std::string_view> solutions, TaskTexts tasks,
               bool by_prompt)
        : prompts_(prompts), solutions_(by_prompt ? std::span<const std::string_view>{} : solutions),
          prompt_of_(tasks.prompts.begin(), tasks.prompts.end()),
          solution_of_(tasks.solutions.begin(), tasks.solutions.end()), by_prompt_(by_prompt)
    {
    }

    [[nodiscard]] std::size_t size() const noexcept { return prompt_of_.size(); }

    [[nodiscard]] double similarity(std::uint32_t i, std::uint32_t j) const noexcept
    {
        const double of_prompts = prompts_.similarity(prompt_of_[i], prompt_of_[j]);
        return by_prompt_ ? of_prompts : (of_prompts + solutions_.similarity(solution_of_[i], solution_of_[j])) / 2;
    }

    // The group of each task, beginning with the groups `start` (the smallest member of each): near copies are joined.
    // Equal texts are the caller's business.
    [[nodiscard]] std::vector<std::uint32_t> groups(std::span<const std::uint32_t> start) const
    {
        Groups groups(start);
        join_similar(prompts_, prompt_of_, groups);
        if (!by_prompt_)
            join_similar(solutions_, solution_of_, groups);
        std::vector<std::uint32_t> found(size());
        for (std::uint32_t i = 0; i < size(); ++i)
            found[i] = groups.of(i);
        return found;
    }

    struct Nearest {
        std::uint32_t task;
        double similarity; // 0 if none has anything in common; then `task` is the first
    };

    // For each of `tasks` the most similar one of `known`; of equals the first. Looks at all, independently of groups().
    [[nodiscard]] std::vector<Nearest> nearest(std::span<const std::uint32_t> tasks,
                                               std::span<const std::uint32_t> known) const
    {
        const Known by_prompt(prompts_, prompt_of_, known);
        const Known by_solution(solutions_, solution_of_, by_prompt_ ? std::span<const std::uint32_t>{} : known);
        std::vector<double> scores(known.size(), 0.0);
        std::vector<std::uint32_t> touched;
        std::vector<Nearest> found;
        const auto add = [&](std::uint32_t place, double similarity) {
            if (scores[place] == 0.0)
                touched.push_back(place);
            scores[place] += by_prompt_ ? similarity : similarity / 2;
        };
        for (const std::uint32_t task : tasks) {
            touched.clear();
            by_prompt.for_each_similar(prompt_of_[task], add);
            if (!by_prompt_)
                by_solution.for_each_similar(solution_of_[task], add);
            std::uint32_t best = 0;
            double most = 0.0;
            for (const std::uint32_t place : touched) {
                if (scores[place] > most || (scores[place] == most && place < best)) {
                    best = place;
                    most = scores[place];
                }
                scores[place] = 0.0;
            }
            found.push_back({known[best], most});
        }
        return found;
    }

private:
    // The tasks of each text, one list after another.
    struct Members {
        std::vector<std::uint32_t> ends, tasks;

        Members(std::size_t n_texts, std::span<const std::uint32_t> text_of, std::span<const std::uint32_t> which)
            : ends(n_texts + 1, 0), tasks(which.size())
        {
            for (const std::uint32_t i : which)
                ++ends[text_of[i] + 1];
            std::partial_sum(ends.begin(), ends.end(), ends.begin());
            std::vector<std::uint32_t> next(ends.begin(), ends.end());
            for (std::uint32_t place = 0; place < which.size(); ++place)
                tasks[next[text_of[which[place]]]++] = place;
        }

        [[nodiscard]] std::span<const std::uint32_t> of(std::size_t text) const noexcept
        {
            return std::span(tasks).subspan(ends[text], ends[text + 1] - ends[text]);
        }
    };

    // Known tasks by the pieces of one of their two texts. Made for one thread.
    class Known {
    public:
        Known(const TextPieces& texts, std::span<const std::uint32_t> text_of, std::span<const std::uint32_t> known)
            : texts_(texts), members_(texts.size(), text_of, known), index_(1 << 20), counts_(texts.size(), 0)
        {
            for (std::uint32_t text = 0; text < texts.size(); ++text)
                if (!members_.of(text).empty())
                    for (const std::uint32_t piece : texts.of(text))
                        index_.add(piece, text);
        }

        // Calls f(place among the known, similarity) for each task whose text has a piece in common, or is the same.
        template <class F>
        void for_each_similar(std::uint32_t text, F f) const
        {
            touched_.assign(1, text);
            for (const std::uint32_t piece : texts_.of(text))
                index_.for_each(piece, [&](std::uint32_t other) {
                    if (other != text && counts_[other]++ == 0)
                        touched_.push_back(other);
                });
            for (const std::uint32_t other : touched_) {
                const double similarity = texts_.similarity(text, other, counts_[other]);
                for (const std::uint32_t place : members_.of(other))
                    f(place, similarity);
                counts_[other] = 0;
            }
        }

    private:
        const TextPieces& texts_;
        Members members_;
        PieceIndex index_;
        mutable std::vector<std::uint32_t> counts_, touched_;
    };

    void join_similar(const TextPieces& texts, std::span<const std::uint32_t> text_of, Groups& groups) const
    {
        std::vector<std::uint32_t> all(size());
        std::iota(all.begin(), all.end(), 0u);
        const Members members(texts.size(), text_of, all);
        for_each_similar_pair(texts, [&](std::uint32_t a, std::uint32_t b) {
            for (const std::uint32_t i : members.of(a))
                for (const std::uint32_t j : members.of(b))
                    if (groups.of(i) != groups.of(j) && similarity(i, j) >= 0.5)
                        groups.join(i, j);
        });
    }

    TextPieces prompts_, solutions_;
    std::vector<std::uint32_t> prompt_of_, solution_of_;
    bool by_prompt_;
};

} // namespace ruvllm::components
