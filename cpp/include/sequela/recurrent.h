/* The whole C interface of the native library.
 *
 * Plain C: pointers and sizes in, a status out, no exceptions, no ownership passed. The library knows
 * neither Python nor torch. Each function states its shapes, aliasing, threads and error bound.
 */
#ifndef SEQUELA_RECURRENT_H
#define SEQUELA_RECURRENT_H

#include <stdint.h>

#if defined(_WIN32)
#define SEQUELA_API __declspec(dllexport)
#else
#define SEQUELA_API __attribute__((visibility("default")))
#endif

/* Raised by one with every change that an older caller cannot live with. */
#define SEQUELA_INTERFACE_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* The interface version the library was built with. A loader refuses any but its own.
 * Threads: any number at once. Never fails. */
SEQUELA_API int32_t sequela_interface_version(void);

#ifdef __cplusplus
}
#endif

#endif
