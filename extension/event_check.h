/*
 * event_check.h
 *	  What an event may be: types, tenants, channels and audiences.
 *
 * Every check raises bad_request (WK400) with the value in question.
 */
#ifndef WRK_EVENT_CHECK_H
#define WRK_EVENT_CHECK_H

#include "wrk_copilot.h"
#include "utils/array.h"

/* type matches ^[a-z][a-z0-9_.:-]{0,127}$ and is no frame of the gateway's */
extern void event_check_type(const char *type);

/* tenant can be part of a channel's name */
extern void event_check_tenant(const char *tenant_id);

/* name is a channel of an event of this tenant (NULL = all tenants) */
extern void event_check_channel(const char *name, const char *tenant_id);

/* whether the current role may emit for any tenant and for all of them */
extern bool event_may_speak_for_all(void);

/*
 * Channels of an event of this tenant (NULL = all tenants), each once, in the
 * order given; palloc'd.  Each must be "tenant:{tenant}", something below it,
 * or, for those who may speak for all, "global".
 */
extern ArrayType *event_checked_channels(ArrayType *channels, const char *tenant_id);

/* audience, each entry once, each "role:NAME" or "user:ID"; NULL gives an empty one */
extern ArrayType *event_checked_audience(ArrayType *audience);

/* whether a list of C strings holds the value */
extern bool event_list_has(List *strings, const char *value);

/* text[] of a list of C strings, each once; palloc'd */
extern ArrayType *event_text_array(List *strings);

#endif /* WRK_EVENT_CHECK_H */
