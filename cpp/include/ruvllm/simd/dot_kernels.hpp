// Kernels made of dot products: one, a bank of them, a matrix of them. See kernel_table.hpp for what each returns. However
// many are computed at once, each has the bits of a dot() alone: lanes never mix before its tree.
#pragma once

#include <cstddef>

#include "ruvllm/simd/block.hpp"

namespace ruvllm::simd {

template <class Arch>
struct DotKernels {
    using B = Block<Arch>;

    static float dot(const float* a, const float* b, std::size_t n)
    {
        float out;
        dot_rows<1, false>(a, 0, b, n, &out, 0);
        return out;
    }

    static float squared_norm(const float* a, std::size_t n) { return dot(a, a, n); }

    static void dot_pairs(const float* const* a, const float* const* b, std::size_t n_pairs, std::size_t n, float* out)
    {
        constexpr std::size_t group = B::rows_at_once;
        std::size_t p = 0;
        for (; p + group <= n_pairs; p += group)
            dot_group<group>(a + p, b + p, n, out + p);
        if constexpr (group == 3)
            if (p + 2 == n_pairs) {
                dot_group<2>(a + p, b + p, n, out + p);
                p += 2;
            }
        for (; p < n_pairs; ++p)
            out[p] = dot(a[p], b[p], n);
    }

    static void gemv(const float* rows, std::size_t n_rows, std::size_t stride, const float* x, std::size_t n,
                     float* out)
    {
        // Groups of rows save loads of x where the rows are near, or so long that x leaves the first-level cache.
        // From afar the order of memory is faster: the processor follows one stream better than four.
        constexpr std::size_t group = B::rows_at_once;
        std::size_t r = 0;
        if (n_rows * stride <= near || stride >= long_row) {
            if (n_rows * stride > far) {
                const std::size_t ahead = rows_ahead(group, stride);
                for (; r + ahead + group <= n_rows; r += group)
                    dot_rows<group, true>(rows + r * stride, stride, x, n, out + r, ahead * stride);
            }
            for (; r + group <= n_rows; r += group)
                dot_rows<group, false>(rows + r * stride, stride, x, n, out + r, 0);
            if constexpr (group == 3)
                if (r + 2 == n_rows) {
                    dot_rows<2, false>(rows + r * stride, stride, x, n, out + r, 0);
                    r += 2;
                }
        } else if constexpr (group > 1) {
            for (; r + 4 <= n_rows; r += 4)
                dot_four_in_turn(rows + r * stride, stride, x, n, out + r);
        }
        for (; r < n_rows; ++r)
            dot_rows<1, false>(rows + r * stride, 0, x, n, out + r, 0);
    }

    static void gemm(const float* rows, std::size_t n_rows, std::size_t stride, const float* xs, std::size_t n_xs,
                     std::size_t x_stride, std::size_t n, float* out)
    {
        if constexpr (B::rows_at_once == 1) { // plain C++ has no registers to fill
            for (std::size_t c = 0; c < n_xs; ++c)
                gemv(rows, n_rows, stride, xs + c * x_stride, n, out + c * n_rows);
        } else {
            for (std::size_t c = 0; c < n_xs; c += panel_columns) {
                const Panel panel{xs + c * x_stride, n_xs - c < panel_columns ? n_xs - c : panel_columns, x_stride, n};
                std::size_t r = 0;
                for (; r + tile_rows <= n_rows; r += tile_rows) {
                    const bool more = r + 2 * tile_rows <= n_rows;
                    rows_times_panel(rows + r * stride, stride, panel, more, out + c * n_rows + r, n_rows);
                }
                for (; r < n_rows; ++r) // a tile of one row would wait for its few sums
                    row_times_panel(rows + r * stride, panel, out + c * n_rows + r, n_rows);
            }
        }
    }

    static void squared_norms(const float* rows, std::size_t n_rows, std::size_t stride, std::size_t n, float* out)
    {
        constexpr std::size_t group = B::rows_at_once >= 4 ? 4 : 1; // their additions overlap
        std::size_t r = 0;
        for (; r + group <= n_rows; r += group)
            square_rows<group>(rows + r * stride, stride, n, out + r);
        for (; r < n_rows; ++r)
            square_rows<1>(rows + r * stride, stride, n, out + r);
    }

protected: // cosines use them too
    // In floats: what a common second-level cache (1 MiB) holds, more than one core's share of the third, and a row
    // that fills a quarter of the first.
    static constexpr std::size_t near = std::size_t{1} << 18, far = std::size_t{1} << 22, long_row = 2048;

    // out[r] = sum of the lanes of sums[r]
    template <std::size_t R>
    static void reduce_rows(const B* sums, float* out)
    {
        if constexpr (R == 4) {
            B::reduce_add_four(sums, out);
        } else {
            for (std::size_t r = 0; r < R; ++r)
                out[r] = sums[r].reduce_add();
        }
    }

private:
    // How far ahead a far matrix is asked for: time enough for memory, and little enough to stay in the second level.
    static constexpr std::size_t floats_ahead = 4096;

    // Whole groups: what is asked for while one group is at work is then read in the same order later.
    static std::size_t rows_ahead(std::size_t group, std::size_t stride)
    {
        const std::size_t floats = group * stride;
        return group * ((floats_ahead + floats - 1) / floats);
    }

    static void prefetch([[maybe_unused]] const float* p)
    {
#if defined(__GNUC__)
        __builtin_prefetch(p, 0, 2); // into the second level: the first is full of what is at work
#endif
    }

    // R dot products with the same x in one pass over it. Ahead: also asks for what lies `distance` elements further.
    template <std::size_t R, bool Ahead>
    static void dot_rows(const float* rows, std::size_t stride, const float* x, std::size_t n, float* out,
                         [[maybe_unused]] std::size_t distance)
    {
        B sums[R];
        for (std::size_t r = 0; r < R; ++r)
            sums[r] = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            const B value = B::load(x + i);
            for (std::size_t r = 0; r < R; ++r) {
                const float* at = rows + r * stride + i;
                if constexpr (Ahead) {
                    prefetch(at + distance);
                    prefetch(at + distance + lanes / 2);
                }
                sums[r] = sums[r] + value * B::load(at);
            }
        }
        if (i < n) {
            const B value = load_partial<Arch>(x + i, n - i);
            for (std::size_t r = 0; r < R; ++r)
                sums[r] = sums[r] + value * load_partial<Arch>(rows + r * stride + i, n - i);
        }
        reduce_rows<R>(sums, out);
    }

    // P pairs side by side. One after the other, each would wait for its own sums, and for memory.
    template <std::size_t P>
    static void dot_group(const float* const* a, const float* const* b, std::size_t n, float* out)
    {
        const float *left[P], *right[P]; // what is written might be a or b for all that the compiler knows
        B sums[P];
        for (std::size_t p = 0; p < P; ++p) {
            left[p] = a[p];
            right[p] = b[p];
            sums[p] = B::zero();
        }
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            for (std::size_t p = 0; p < P; ++p)
                sums[p] = sums[p] + B::load(right[p] + i) * B::load(left[p] + i);
        for (std::size_t p = 0; i < n && p < P; ++p)
            sums[p] = sums[p] + load_partial<Arch>(right[p] + i, n - i) * load_partial<Arch>(left[p] + i, n - i);
        reduce_rows<P>(sums, out);
    }

    // out[r] = the squared norm of each of R rows
    template <std::size_t R>
    static void square_rows(const float* rows, std::size_t stride, std::size_t n, float* out)
    {
        B sums[R];
        for (std::size_t r = 0; r < R; ++r)
            sums[r] = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            for (std::size_t r = 0; r < R; ++r) {
                const B value = B::load(rows + r * stride + i);
                sums[r] = sums[r] + value * value;
            }
        for (std::size_t r = 0; i < n && r < R; ++r) {
            const B value = load_partial<Arch>(rows + r * stride + i, n - i);
            sums[r] = sums[r] + value * value;
        }
        reduce_rows<R>(sums, out);
    }

    // Four dot products with the same x, one after the other but for their trees.
    static void dot_four_in_turn(const float* rows, std::size_t stride, const float* x, std::size_t n, float* out)
    {
        B sums[4];
        for (std::size_t r = 0; r < 4; ++r) {
            const float* row = rows + r * stride;
            B sum = B::zero();
            std::size_t i = 0;
            for (; i + lanes <= n; i += lanes)
                sum = sum + B::load(x + i) * B::load(row + i);
            if (i < n)
                sum = sum + load_partial<Arch>(x + i, n - i) * load_partial<Arch>(row + i, n - i);
            sums[r] = sum;
        }
        reduce_rows<4>(sums, out);
    }

    // A tile of a matrix of dot products keeps R x C sums of one vector each in registers. Vectors narrower than a
    // block go over the rows once for each part of it, which leaves room for more sums and so for fewer loads.
    static constexpr std::size_t tile_rows = 4;
    static constexpr std::size_t tile_columns = B::rows_at_once >= 4 ? 5 : 3; // of 32 and of 16 registers
    static constexpr std::size_t panel_columns = 20;
    // Elements of a pass over a panel: a tile's rows and columns of so many stay in the first-level cache.
    static constexpr std::size_t pass = 1024;

    struct Panel {
        const float* xs;
        std::size_t columns; // up to panel_columns
        std::size_t stride;
        std::size_t n;
    };

    // One row times a panel, whose columns are then the rows of gemv(); out: (columns, n_rows), the first of each.
    static void row_times_panel(const float* row, const Panel& panel, float* out, std::size_t n_rows)
    {
        float dots[panel_columns];
        gemv(panel.xs, panel.columns, panel.stride, row, panel.n, dots);
        for (std::size_t c = 0; c < panel.columns; ++c)
            out[c * n_rows] = dots[c];
    }

    // A tile's rows times a panel; out: (columns, n_rows). The sums of a pass wait in memory for the next one.
    static void rows_times_panel(const float* rows, std::size_t stride, const Panel& panel, bool more, float* out,
                                 std::size_t n_rows)
    {
        constexpr std::size_t R = tile_rows;
        B sums[panel_columns * R];
        for (std::size_t i = 0; i < panel.columns * R; ++i)
            sums[i] = B::zero();
        const std::size_t whole = panel.n - panel.n % lanes;
        for (std::size_t begin = 0; begin < whole; begin += pass) {
            const std::size_t end = whole - begin < pass ? whole : begin + pass;
            for (std::size_t part = 0; part < B::parts; ++part)
                add_products<R, tile_columns>(rows, stride, panel, begin, end, part, 0, more, sums);
        }
        if (whole < panel.n)
            add_tails<R>(rows, stride, panel, whole, sums);
        for (std::size_t c = 0; c < panel.columns; ++c)
            reduce_rows<R>(sums + c * R, out + c * n_rows);
    }

    // Tiles of C columns from column c on, then narrower ones for the rest.
    template <std::size_t R, std::size_t C>
    static void add_products(const float* rows, std::size_t stride, const Panel& panel, std::size_t begin,
                             std::size_t end, std::size_t part, std::size_t c, bool more, B* sums)
    {
        for (; c + C <= panel.columns; c += C) {
            if (more && c == 0) // the first tile asks for the rows of the next ones
                add_tile<R, C, true>(rows, stride, panel, begin, end, part, c, sums + c * R);
            else
                add_tile<R, C, false>(rows, stride, panel, begin, end, part, c, sums + c * R);
        }
        if constexpr (C > 1)
            if (c < panel.columns)
                add_products<R, C - 1>(rows, stride, panel, begin, end, part, c, more, sums);
    }

    template <std::size_t R, std::size_t C, bool Ahead>
    static void add_tile(const float* rows, std::size_t stride, const Panel& panel, std::size_t begin, std::size_t end,
                         std::size_t part, std::size_t c, B* sums)
    {
        using Batch = typename B::Batch;
        const float* xs = panel.xs + c * panel.stride;
        Batch sum[C][R];
        for (std::size_t j = 0; j < C; ++j)
            for (std::size_t r = 0; r < R; ++r)
                sum[j][r] = sums[j * R + r].part[part];
        for (std::size_t i = begin + part * B::width; i < end; i += lanes) {
            Batch row[R];
            for (std::size_t r = 0; r < R; ++r) {
                row[r] = Batch::load_unaligned(rows + r * stride + i);
                if constexpr (Ahead)
                    prefetch(rows + (r + R) * stride + i);
            }
            for (std::size_t j = 0; j < C; ++j) {
                const Batch x = Batch::load_unaligned(xs + j * panel.stride + i);
                for (std::size_t r = 0; r < R; ++r)
                    sum[j][r] = sum[j][r] + x * row[r];
            }
        }
        for (std::size_t j = 0; j < C; ++j)
            for (std::size_t r = 0; r < R; ++r)
                sums[j * R + r].part[part] = sum[j][r];
    }

    // The last n % 32 elements.
    template <std::size_t R>
    static void add_tails(const float* rows, std::size_t stride, const Panel& panel, std::size_t begin, B* sums)
    {
        const std::size_t count = panel.n - begin;
        B row[R];
        for (std::size_t r = 0; r < R; ++r)
            row[r] = load_partial<Arch>(rows + r * stride + begin, count);
        for (std::size_t c = 0; c < panel.columns; ++c) {
            const B x = load_partial<Arch>(panel.xs + c * panel.stride + begin, count);
            for (std::size_t r = 0; r < R; ++r)
                sums[c * R + r] = sums[c * R + r] + x * row[r];
        }
    }
};

} // namespace ruvllm::simd
