/* compiler.h -- what wick asks of the compiler beyond C11, each with a plain fallback. */
#ifndef WK_BASE_COMPILER_H
#define WK_BASE_COMPILER_H

#include <stdint.h>

#if UINTPTR_MAX < UINT64_MAX
#error "wick needs a 64-bit processor: its blocks are laid out for pointers of 8 bytes"
#endif

#if defined(__GNUC__)
#define wk_likely(x) __builtin_expect(!!(x), 1)
#define wk_unlikely(x) __builtin_expect(!!(x), 0)
#define WK_NOINLINE __attribute__((noinline, cold))
#define WK_INLINE static inline __attribute__((always_inline))
#define WK_APART static __attribute__((noinline)) /* so that its callers need no stack of their own */
#define WK_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
#define wk_prefetch(address) __builtin_prefetch((address), 1) /* it will be written soon; any address will do */
/* The one thread-local word. initial-exec is as cheap as a global (+0.3 ns), where the default model of a shared
 * library costs a call (+6.6 ns); 8 bytes fit into the reserve that dlopen has for it. */
#define WK_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define wk_likely(x) (x)
#define wk_unlikely(x) (x)
#define WK_NOINLINE
#define WK_INLINE static inline
#define WK_APART static
#define WK_PRINTF(format_at, first)
#define wk_prefetch(address) ((void)0)
#define WK_TLS _Thread_local
#endif

/* Under AddressSanitizer memory that wick has, but nobody should touch, is hidden: reading it is then reported. */
#if defined(__SANITIZE_ADDRESS__)
#define WK_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WK_ASAN
#endif
#endif
#ifdef WK_ASAN
#include <sanitizer/asan_interface.h>
#define WK_HIDE(block, nbytes) ASAN_POISON_MEMORY_REGION(block, nbytes)
#define WK_SHOW(block, nbytes) ASAN_UNPOISON_MEMORY_REGION(block, nbytes)
#else
#define WK_HIDE(block, nbytes) ((void)0)
#define WK_SHOW(block, nbytes) ((void)0)
#endif

#endif
