/*
 * seal_encode.c
 *	  Rows of the audit log as bytes, in one way only: the leaves that are sealed.
 *
 * A leaf is a byte 1, the version of this format, and then the columns id,
 * created_at, tenant_id, user_id, op, action, resource_type, resource_id, changes,
 * metadata, roles, session_id, via, actor, db_user, request_id, each a byte that
 * says what follows:
 *	  0	nothing: the column is NULL
 *	  1	an integer of 8 bytes
 *	  2	a time, 8 bytes: microseconds since 2000-01-01 00:00 UTC, may be negative
 *	  3	a text: its length in bytes, and UTF-8
 *	  4	one byte
 *	  5	a document, see below
 *	  6	texts: their number, and each as a column of its own, 0 or 3
 * A document is a byte: n(ull), t(rue), f(alse), d (a number: its length and decimal
 * text), s (a string: length and UTF-8), a (an array: number of elements, and each as
 * a document), o (an object: number of members, and each a length, the name in UTF-8
 * and a document).  Members are in the order of jsonb: shorter names first.  Lengths
 * and numbers of things are 4 bytes, and every integer has its highest byte first.
 * What has no equivalent in UTF-8, in a database of another encoding, is a byte 0xff,
 * which no UTF-8 has, and then the bytes as they are.
 *
 * Must stay true: two rows that differ have different leaves, in every server and
 * under every setting; no column is added or moved without another version.  Column
 * xid is left out, because a restore changes it.
 */
#include "wrk_copilot.h"

#include "seal_encode.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define LEAF_VERSION 1

/* the byte before a column */
enum ColumnTag
{
	TAG_NULL,
	TAG_INT64,
	TAG_TIME,
	TAG_TEXT,
	TAG_BYTE,
	TAG_DOCUMENT,
	TAG_TEXTS
};

static const uint8 column_tags[SEAL_ROW_NCOLUMNS] = {
	[SEAL_ROW_ID] = TAG_INT64,
	[SEAL_ROW_CREATED_AT] = TAG_TIME,
	[SEAL_ROW_TENANT_ID] = TAG_TEXT,
	[SEAL_ROW_USER_ID] = TAG_TEXT,
	[SEAL_ROW_OP] = TAG_BYTE,
	[SEAL_ROW_ACTION] = TAG_TEXT,
	[SEAL_ROW_RESOURCE_TYPE] = TAG_TEXT,
	[SEAL_ROW_RESOURCE_ID] = TAG_TEXT,
	[SEAL_ROW_CHANGES] = TAG_DOCUMENT,
	[SEAL_ROW_METADATA] = TAG_DOCUMENT,
	[SEAL_ROW_ROLES] = TAG_TEXTS,
	[SEAL_ROW_SESSION_ID] = TAG_TEXT,
	[SEAL_ROW_VIA] = TAG_TEXT,
	[SEAL_ROW_ACTOR] = TAG_TEXT,
	[SEAL_ROW_DB_USER] = TAG_TEXT,
	[SEAL_ROW_REQUEST_ID] = TAG_TEXT,
};


/* ---------- parts ---------- */

void
seal_put_bytes(StringInfo buf, const void *bytes, int len)
{
	pq_sendint32(buf, len);
	appendBinaryStringInfo(buf, bytes, len);
}

/* palloc'd, or the text itself; NULL if there is no such UTF-8 */
static char *
to_utf8(const char *text, int len)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;
	Size size;
	char *utf8;

	if (encoding == PG_UTF8)
		return (char *) text;
	if (encoding == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, text, len, true) ? (char *) text : NULL;
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion))
		return NULL;
	size = (Size) len * MAX_CONVERSION_GROWTH + 1;
	utf8 = palloc_extended(size, MCXT_ALLOC_HUGE);
	if (pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
									  (unsigned char *) text, len, (unsigned char *) utf8,
									  (int) Min(size, PG_INT32_MAX), true) == len)
		return utf8;
	pfree(utf8);
	return NULL;
}

/* text in the server's encoding; whatever it is must not keep a log from being sealed */
void
seal_put_text(StringInfo buf, const char *text, int len)
{
	char *utf8 = to_utf8(text, len);

	if (utf8 == NULL)
	{
		pq_sendint32(buf, 1 + len);
		pq_sendbyte(buf, 0xff);
		appendBinaryStringInfo(buf, text, len);
		return;
	}
	seal_put_bytes(buf, utf8, utf8 == text ? len : strlen(utf8));
	if (utf8 != text)
		pfree(utf8);
}

void
seal_put_int64(StringInfo buf, int64 value)
{
	pq_sendint32(buf, sizeof(int64));
	pq_sendint64(buf, value);
}


/* ---------- documents ---------- */

static void
put_scalar(StringInfo buf, const JsonbValue *value)
{
	char *number;

	switch (value->type)
	{
		case jbvNull:
			pq_sendbyte(buf, 'n');
			break;
		case jbvBool:
			pq_sendbyte(buf, value->val.boolean ? 't' : 'f');
			break;
		case jbvNumeric:
			number = DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			pq_sendbyte(buf, 'd');
			seal_put_bytes(buf, number, strlen(number));
			break;
		case jbvString:
			pq_sendbyte(buf, 's');
			seal_put_text(buf, value->val.string.val, value->val.string.len);
			break;
		default:
			elog(ERROR, "unexpected type %d of a value in a document", value->type);
	}
}

/* a scalar at the top is kept as an array of one, which is not part of the document */
static void
put_document(StringInfo buf, Jsonb *document)
{
	JsonbIterator *it = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
				if (value.val.array.rawScalar)
					break;
				pq_sendbyte(buf, 'a');
				pq_sendint32(buf, value.val.array.nElems);
				break;
			case WJB_BEGIN_OBJECT:
				pq_sendbyte(buf, 'o');
				pq_sendint32(buf, value.val.object.nPairs);
				break;
			case WJB_KEY:
				seal_put_text(buf, value.val.string.val, value.val.string.len);
				break;
			case WJB_ELEM:
			case WJB_VALUE:
				put_scalar(buf, &value);
				break;
			default:
				break;
		}
	}
}


/* ---------- columns ---------- */

static void
put_texts(StringInfo buf, ArrayType *array)
{
	Datum *texts;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	pq_sendint32(buf, n);
	for (int i = 0; i < n; i++)
	{
		pq_sendbyte(buf, nulls[i] ? TAG_NULL : TAG_TEXT);
		if (!nulls[i])
			seal_put_text(buf, VARDATA_ANY(DatumGetPointer(texts[i])),
						  VARSIZE_ANY_EXHDR(DatumGetPointer(texts[i])));
	}
}

static void
put_column(StringInfo buf, uint8 tag, Datum value)
{
	text *t;

	pq_sendbyte(buf, tag);
	switch (tag)
	{
		case TAG_INT64:
		case TAG_TIME:
			pq_sendint64(buf, DatumGetInt64(value));
			break;
		case TAG_TEXT:
			t = DatumGetTextPP(value);
			seal_put_text(buf, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
			break;
		case TAG_BYTE:
			pq_sendbyte(buf, DatumGetChar(value));
			break;
		case TAG_DOCUMENT:
			put_document(buf, DatumGetJsonbP(value));
			break;
		case TAG_TEXTS:
			put_texts(buf, DatumGetArrayTypeP(value));
			break;
	}
}

void
seal_encode_row(StringInfo buf, const Datum *values, const bool *nulls)
{
	resetStringInfo(buf);
	pq_sendbyte(buf, LEAF_VERSION);
	for (int i = 0; i < SEAL_ROW_NCOLUMNS; i++)
	{
		if (nulls[i])
			pq_sendbyte(buf, TAG_NULL);
		else
			put_column(buf, column_tags[i], values[i]);
	}
}
