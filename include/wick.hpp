/* wick.hpp -- wick for C++17: owners, which release what they hold when they are destroyed, also when an exception
 * leaves the block. WK_SCOPE, WK_NO_GRAD and WK_BATCH work that way in C too; all functions are those of wick.h.
 * (Compiled and run by the tests:)
 *
 * ```cpp
 * #include <cstdio>
 * #include <stdexcept>
 * #include <wick.hpp>
 *
 * int main() {
 *     const wk::module layer{WK_ON(WK_CPU, wk_linear_new(nullptr, "layer", 2, 1, nullptr))};
 *     wk::kept state;                                          // a value from step to step
 *     try {
 *         for (int i = 0; i < 3; i++) {
 *             WK_SCOPE;
 *             wk_tensor *x = WK_ON(WK_CPU, wk_ones(WK_SHAPE(1, 2), WK_F32));
 *             state.keep(wk_detach(state ? wk_add(state.get(), x) : x));
 *             if (i == 2) throw std::runtime_error("enough");  // closes the scope, keeps the state
 *         }
 *     } catch (const std::runtime_error &reason) {
 *         std::printf("%s: %g\n", reason.what(), wk_item(wk_sum(state.get())));
 *     }
 *     return wk_check(nullptr);
 * }
 * ```
 * ```text
 * enough: 6
 * ``` */
#ifndef WICK_HPP
#define WICK_HPP

#include <memory>
#include <utility>

#include "wick.h"

namespace wk {

namespace detail {
template <auto release> struct released_by {
    template <class T> void operator()(T *object) const { release(object); }
};
} // namespace detail

using module = std::unique_ptr<wk_module, detail::released_by<wk_module_free>>; /* a root; it owns its children */
using optim = std::unique_ptr<wk_optim, detail::released_by<wk_optim_free>>;
using plan = std::unique_ptr<wk_plan, detail::released_by<wk_plan_free>>;
using snapshot = std::unique_ptr<wk_snapshot, detail::released_by<wk_snapshot_free>>;
using graph = std::unique_ptr<wk_graph, detail::released_by<wk_graph_free>>;
using svg = std::unique_ptr<wk_svg, detail::released_by<wk_svg_free>>;
using safetensors = std::unique_ptr<wk_safetensors, detail::released_by<wk_safetensors_close>>;
using context = std::unique_ptr<wk_ctx, detail::released_by<wk_ctx_free>>; /* must be destroyed last */

/* A slot for wk_keep that releases what it holds. It is not copied: two calls of keep hold a tensor in two slots. */
class kept {
public:
    kept() = default;
    explicit kept(wk_tensor *t) { keep(t); }
    kept(kept &&other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
    kept &operator=(kept &&other) noexcept {
        std::swap(slot_, other.slot_);
        return *this;
    }
    kept(const kept &) = delete;
    kept &operator=(const kept &) = delete;
    ~kept() { wk_release(&slot_); }

    void keep(wk_tensor *t) { wk_keep(&slot_, t); } /* only the value: wk_detach t first (wick/tensor.h) */
    wk_tensor *get() const { return slot_; }
    explicit operator bool() const { return slot_ != nullptr; }

private:
    wk_tensor *slot_ = nullptr;
};

} // namespace wk

#endif
