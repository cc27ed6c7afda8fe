/* device_text.h: how mm-model prints devices. */
#ifndef MM_CLI_DEVICE_TEXT_H
#define MM_CLI_DEVICE_TEXT_H

#include "cli/device.h"

/* Prints the facts of the chosen device, or of all devices, and how fast each multiplies matrices; for one that cannot
 * be opened, why. As JSON: an object a line. */
void mm_print_devices(const mm_run *r, const mm_device_values *v, bool as_json);

#endif
