/*
 * seal_encode.h
 *	  Rows of the audit log and heads of seals as bytes, in one way only.
 */
#ifndef WRK_SEAL_ENCODE_H
#define WRK_SEAL_ENCODE_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* columns of wrk.audit_log in the order of the encoding, for SELECT lists */
#define SEAL_ROW_COLUMNS \
	"l.id, l.created_at, l.tenant_id, l.user_id, l.op, l.action, l.resource_type, " \
	"l.resource_id, l.changes, l.metadata, l.roles, l.session_id, l.via, l.actor, " \
	"l.db_user, l.request_id"

enum SealRowColumn
{
	SEAL_ROW_ID,
	SEAL_ROW_CREATED_AT,
	SEAL_ROW_TENANT_ID,
	SEAL_ROW_USER_ID,
	SEAL_ROW_OP,
	SEAL_ROW_ACTION,
	SEAL_ROW_RESOURCE_TYPE,
	SEAL_ROW_RESOURCE_ID,
	SEAL_ROW_CHANGES,
	SEAL_ROW_METADATA,
	SEAL_ROW_ROLES,
	SEAL_ROW_SESSION_ID,
	SEAL_ROW_VIA,
	SEAL_ROW_ACTOR,
	SEAL_ROW_DB_USER,
	SEAL_ROW_REQUEST_ID,
	SEAL_ROW_NCOLUMNS
};

/* replaces what is in buf by the leaf of a row, whose columns are SEAL_ROW_COLUMNS */
extern void seal_encode_row(StringInfo buf, const Datum *values, const bool *nulls);

/* the parts of a signed head: a length of 4 bytes, then the bytes */
extern void seal_put_bytes(StringInfo buf, const void *bytes, int len);
extern void seal_put_text(StringInfo buf, const char *text, int len);
extern void seal_put_int64(StringInfo buf, int64 value);

#endif /* WRK_SEAL_ENCODE_H */
