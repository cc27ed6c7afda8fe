/* spin.h: what a thread does while it polls a flag: tells the core that this is a wait. */
#ifndef MM_BASE_SPIN_H
#define MM_BASE_SPIN_H

static inline void mm_spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` is a no-op on most cores; isb waits some tens of cycles */
#endif
}

#endif
