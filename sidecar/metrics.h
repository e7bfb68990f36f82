/*
 * metrics.h: the counters as Prometheus text (layer 4).
 */
#ifndef WRK_METRICS_H
#define WRK_METRICS_H

#include "gateway.h"

extern void metrics_render(const Gateway *gateway, Buf *out);

#endif
