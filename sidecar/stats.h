/*
 * stats.h: the process's counters and gauges (layer 0).
 *
 * One table, so that a counter is declared once and /metrics cannot forget it.
 * Layers above add to stats.X; metrics.c renders the table.
 */
#ifndef WRK_STATS_H
#define WRK_STATS_H

#include <stdint.h>

/* X(member, type, help) */
#define STATS_TABLE(X) \
	X(connections, gauge, "Open sessions: WebSockets, event streams, polls and calls") \
	X(streams, gauge, "Open event streams") \
	X(polls_waiting, gauge, "Polls that wait for something to tell") \
	X(sockets, gauge, "Open sockets, HTTP requests included") \
	X(subscriptions, gauge, "Subscriptions of all connections") \
	X(channels, gauge, "Channels with at least one subscriber") \
	X(accepted_total, counter, "Sockets accepted") \
	X(refused_total, counter, "Sockets refused because of max_connections") \
	X(http_requests_total, counter, "HTTP requests answered") \
	X(polls_total, counter, "Polls answered") \
	X(rpc_total, counter, "Calls by HTTP answered") \
	X(frames_in_total, counter, "Messages received from clients") \
	X(bytes_in_total, counter, "Bytes received from clients") \
	X(frames_out_total, counter, "Frames handed to connections") \
	X(bytes_out_total, counter, "Bytes written to sockets") \
	X(writes_total, counter, "Write calls") \
	X(writes_partial_total, counter, "Write calls that the socket did not take whole") \
	X(events_total, counter, "Events read from the database") \
	X(fetches_total, counter, "Fetches of the feed") \
	X(fetch_errors_total, counter, "Fetches that failed") \
	X(doorbells_total, counter, "Doorbells heard") \
	X(doorbells_missed_total, counter, "Events found by a poll that no doorbell told") \
	X(probes_lost_total, counter, "Doorbell probes that were not heard") \
	X(batches_total, counter, "Batches laid out") \
	X(ephemeral_total, counter, "Ephemeral events of clients and other gateways") \
	X(ephemeral_replaced_total, counter, "Of them replaced by the next of their sender") \
	X(ephemeral_refused_total, counter, "Of them refused: too much at once") \
	X(dropped_ephemeral_total, counter, "Ephemeral frames dropped, outbox full") \
	X(coalesced_state_total, counter, "State frames replaced by a newer one") \
	X(skipped_total, counter, "Frames for subscriptions that wait or have a gap") \
	X(slow_gaps_total, counter, "Streams broken because a client reads too slowly") \
	X(dropped_gap_total, counter, "Frames dropped then, to be replayed") \
	X(slow_consumers_total, counter, "Connections closed 4430") \
	X(rate_limited_total, counter, "Frames refused by the rate limit") \
	X(flooders_total, counter, "Connections closed for abuse, 4429 or 4529") \
	X(bans_total, counter, "Bans of users and addresses") \
	X(limit_exceeded_total, counter, "Operations refused because of a number at once") \
	X(newcomers_refused_total, counter, "Connections refused because of a limit") \
	X(quotas, gauge, "Users, tenants and addresses that are counted for") \
	X(protocol_errors_total, counter, "Connections closed for broken framing") \
	X(bad_requests_total, counter, "Frames that made no sense") \
	X(origins_refused_total, counter, "Requests of pages that origins does not list") \
	X(auth_ok_total, counter, "Tokens accepted") \
	X(auth_refused_total, counter, "Tokens refused") \
	X(access_news_total, counter, "Control events: rights that may be fewer") \
	X(rechecks_total, counter, "Connections whose rights were asked for again") \
	X(rechecks_waiting, gauge, "Connections that wait for it") \
	X(revoked_total, counter, "Connections closed by it") \
	X(unsubscribed_total, counter, "Subscriptions ended by it") \
	X(rights_changed_total, counter, "Gaps because of other rights than before") \
	X(takeovers_total, counter, "Connections taken up by another") \
	X(idle_total, counter, "Connections closed because their client did nothing") \
	X(refusals_recorded_total, counter, "Refusals that are in the audit log") \
	X(refusals_left_out_total, counter, "Refusals above a bound, not in the log") \
	X(receipts_total, counter, "Calls that tell what has arrived") \
	X(receipts_failed_total, counter, "Of them refused or unanswered") \
	X(bus_peers, gauge, "Other gateways known to live") \
	X(bus_notifications_total, counter, "Notifications sent to other gateways") \
	X(bus_messages_out_total, counter, "Messages to other gateways") \
	X(bus_messages_in_total, counter, "Messages of other gateways") \
	X(bus_dropped_total, counter, "Messages to other gateways dropped, queue full") \
	X(bus_malformed_total, counter, "Notifications on the bus that made no sense") \
	X(requests_total, counter, "Requests sent to the database") \
	X(requests_waiting, gauge, "Requests waiting for a database connection") \
	X(requests_unavailable_total, counter, "Requests answered unavailable") \
	X(database_up, gauge, "1 while the feed and a pooled connection are up") \
	X(database_losses_total, counter, "Database connections lost") \
	X(feed_polling, gauge, "1 while the doorbell is not heard and the feed polls") \
	X(feed_lag_ms, gauge, \
	  "How long something has been waiting to be fetched; 0: nothing is") \
	X(queue_wait_ms, gauge, "Since when no link of the pool has answered anything") \
	X(requests_running, gauge, "Requests at the database, those waiting included") \
	X(fetch_pause_ms, gauge, "Present pause between fetches") \
	X(presence_places, gauge, "Connections in presence channels, each counted in each") \
	X(presence_frames_total, counter, "Presence changes laid out, once for a channel") \
	X(presence_writes_total, counter, "Batches of presence written to the database") \
	X(presence_rows_total, counter, "Rows of presence in them") \
	X(presence_reads_total, counter, "Reads of the presence at other gateways") \
	X(outbox_bytes, gauge, "Unsent bytes of all connections")

typedef struct Stats
{
#define X(member, type, help) int64_t member;
	STATS_TABLE(X)
#undef X
} Stats;

extern Stats stats;

#endif
