/*
 * verdict.h: what a connection may now, carried out (layer 3).
 *
 * The database has said who the connection is and, for each channel that was asked
 * about, whether it may be in it. As before: what was held flows. As somebody who sees
 * other events: a `gap` reason rights_changed, because what was held was laid out for
 * another audience. Not any more: an
 * `unsubscribed` of the server's own. What must stay true: whatever it is, what was
 * held under the old rights goes out only if they are those of now.
 */
#ifndef WRK_VERDICT_H
#define WRK_VERDICT_H

#include "gateway.h"
#include "opened.h"

/*
 * Carries out the answer of gateway_recheck(). True when a subscription is suspended
 * that was not asked about: it came while the answer was under way.
 */
extern bool verdict_take(Gateway *gateway, Conn *conn, const Opened *opened);

#endif
