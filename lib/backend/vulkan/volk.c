/* volk.c: the loader of Vulkan's functions, compiled into the library where a system has it as a source (the Makefile
 * then defines VOLK_IMPLEMENTATION); elsewhere it is a library of its own. */
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <volk.h>
