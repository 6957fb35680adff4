/* compiler.h -- what wick asks of the compiler beyond C11, each with a plain fallback. */
#ifndef WK_BASE_COMPILER_H
#define WK_BASE_COMPILER_H

#if defined(__GNUC__)
#define wk_likely(x) __builtin_expect(!!(x), 1)
#define wk_unlikely(x) __builtin_expect(!!(x), 0)
#define WK_NOINLINE __attribute__((noinline, cold))
#define WK_INLINE static inline __attribute__((always_inline))
#define WK_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
/* The one thread-local word. initial-exec is as cheap as a global (+0.3 ns), where the default model of a shared
 * library costs a call (+6.6 ns); 8 bytes fit into the reserve that dlopen has for it. */
#define WK_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define wk_likely(x) (x)
#define wk_unlikely(x) (x)
#define WK_NOINLINE
#define WK_INLINE static inline
#define WK_PRINTF(format_at, first)
#define WK_TLS _Thread_local
#endif

#endif
