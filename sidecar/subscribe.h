/*
 * subscribe.h: joining and leaving channels (layer 3).
 *
 * Joining: the database says what the channel is and what the client may do in
 * it. With a position, a fetch is awaited first, so that the feed is not behind
 * the client; then the subscription is made, pending, at the feed's snapshot;
 * then the database replays what lies between the two. So nothing is missed and
 * nothing comes twice, whatever commits meanwhile.
 */
#ifndef WRK_SUBSCRIBE_H
#define WRK_SUBSCRIBE_H

#include "request.h"

extern void subscribe_request(Gateway *gateway, Conn *conn, const Request *request);
extern void unsubscribe_request(Gateway *gateway, Conn *conn, const Request *request);

#endif
