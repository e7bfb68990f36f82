/*
 * jwt_claims.c
 *	  Claims of a verified token: times, issuer, audience, and who it is.
 *
 * Identity providers agree on exp, iss and aud but not on where tenant and
 * roles are, so each stored key brings a map from the parts of an identity to
 * paths in the claims.  Must stay true: a claim that is looked at and has the
 * wrong type is a refusal, never "absent"; a token without an end is refused.
 */
#include "jwt_claims.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "wrk_json.h"

/* 9999-12-31 23:59:59 UTC; whatever lies beyond is milliseconds or nonsense */
#define MAX_NUMERIC_DATE INT64CONST(253402300799)
#define MAX_PATH_DEPTH 8

/* what a part is called in a map and where it is by default */
typedef struct SlotRule
{
	const char *name;
	const char *claim;
	bool required; /* null in the map would leave an identity without it */
} SlotRule;

static const SlotRule slots[CLAIM_SLOTS] = {
	[CLAIM_TENANT_ID] = {"tenant_id", "tenant_id", true},
	[CLAIM_USER_ID] = {"user_id", "sub", false},
	[CLAIM_ROLES] = {"roles", "roles", false},
	[CLAIM_SESSION_ID] = {"session_id", "sid", false},
	[CLAIM_EXPIRES_AT] = {"expires_at", "exp", true},
};


/* ---------- the map ---------- */

static void
refuse_path(const SlotRule *slot)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("claim for \"%s\" must be a name or an array of 1 to %d names",
						   slot->name, MAX_PATH_DEPTH),
					errdetail("An array is a path into nested objects: "
							  "[\"app_metadata\", \"tenant_id\"].")));
}

static void
add_name(ClaimPath *path, const JsonbValue *value, const SlotRule *slot)
{
	if (value->type != jbvString || value->val.string.len == 0)
		refuse_path(slot);
	path->names[path->depth++] = pnstrdup(value->val.string.val, value->val.string.len);
}

static void
parse_path(const JsonbValue *value, const SlotRule *slot, ClaimPath *out)
{
	JsonbContainer *array;
	uint32 n;

	out->names = palloc(sizeof(char *) * MAX_PATH_DEPTH);
	if (value->type == jbvNull && !slot->required)
		return;
	if (value->type == jbvString)
	{
		add_name(out, value, slot);
		return;
	}
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse_path(slot);
	array = value->val.binary.data;
	n = JsonContainerSize(array);
	if (n == 0 || n > MAX_PATH_DEPTH)
		refuse_path(slot);
	for (uint32 i = 0; i < n; i++)
		add_name(out, getIthJsonbValueFromContainer(array, i), slot);
}

/* a misspelt name would silently leave the default in force */
static void
refuse_unknown_members(const Jsonb *json, int known)
{
	if (!JB_ROOT_IS_OBJECT(json) || JB_ROOT_COUNT(json) != known)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("claims must be an object with members tenant_id, user_id, roles, "
					"session_id and expires_at only")));
}

void
claim_map_parse(const Jsonb *json, ClaimMap *out)
{
	int known = 0;

	memset(out, 0, sizeof(ClaimMap));
	for (int i = 0; i < CLAIM_SLOTS; i++)
	{
		JsonbValue value;

		if (wrk_json_get(json, slots[i].name, &value))
			known++;
		else
		{
			value.type = jbvString;
			value.val.string.val = (char *) slots[i].claim;
			value.val.string.len = strlen(slots[i].claim);
			out->jti_as_session |= (i == CLAIM_SESSION_ID);
		}
		parse_path(&value, &slots[i], &out->paths[i]);
	}
	refuse_unknown_members(json, known);
}

/* NULL if the path leads nowhere */
static const JsonbValue *
follow(const JsonbValue *claims, const ClaimPath *path)
{
	const JsonbValue *value = path->depth > 0 ? claims : NULL;

	for (int i = 0; value != NULL && i < path->depth; i++)
		value = jose_json_get(value, path->names[i]);
	return value;
}


/* ---------- times ---------- */

/* whether 0 <= date <= MAX_NUMERIC_DATE */
static bool
date_in_range(Numeric date)
{
	static Numeric first = NULL; /* both for the life of the process */
	static Numeric last = NULL;
	Datum beyond;
	Datum below;

	if (last == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		first = int64_to_numeric(0);
		last = int64_to_numeric(MAX_NUMERIC_DATE);
		MemoryContextSwitchTo(old);
	}
	beyond =
		DirectFunctionCall2(numeric_gt, NumericGetDatum(date), NumericGetDatum(last));
	below =
		DirectFunctionCall2(numeric_lt, NumericGetDatum(date), NumericGetDatum(first));
	return !DatumGetBool(beyond) && !DatumGetBool(below);
}

/*
 * A NumericDate (RFC 7519 section 2) in whole seconds, -1 if it is absent.
 * Fractions are cut towards refusal: round is numeric_floor or numeric_ceil.
 */
static int64
numeric_date(const JsonbValue *value, const char *name, PGFunction round)
{
	Datum date;

	if (value == NULL)
		return -1;
	if (value->type != jbvNumeric)
		JOSE_REFUSE(errmsg("claim \"%s\" of the token must be a number", name));
	if (!date_in_range(value->val.numeric))
		JOSE_REFUSE(errmsg("claim \"%s\" of the token is out of range", name),
					errhint("It must be seconds since 1970-01-01 UTC."));
	date = DirectFunctionCall1(round, NumericGetDatum(value->val.numeric));
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, date));
}

static int64
unix_seconds(TimestampTz t)
{
	return t / USECS_PER_SEC + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

int64
claims_check_times(const JsonbValue *claims, const ClaimPath *expires_at, int64 leeway,
				   TimestampTz now)
{
	int64 second = unix_seconds(now);
	const JsonbValue *end = follow(claims, expires_at);
	const JsonbValue *standard_end = jose_json_get(claims, "exp");
	int64 exp = numeric_date(end, "exp", numeric_floor);
	int64 nbf = numeric_date(jose_json_get(claims, "nbf"), "nbf", numeric_ceil);
	int64 iat = numeric_date(jose_json_get(claims, "iat"), "iat", numeric_ceil);

	if (exp < 0)
		JOSE_REFUSE(errmsg("token has no expiry"), errhint("Claim \"exp\" is required."));
	/* a key that expects the end elsewhere does not switch off the one everybody knows */
	if (standard_end != NULL && standard_end != end)
		exp = Min(exp, numeric_date(standard_end, "exp", numeric_floor));
	if (second >= exp + leeway)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_TOKEN_EXPIRED), errmsg("token has expired"),
				 errdetail("It expired %lld seconds ago.", (long long) (second - exp)),
				 errhint("Get a new token."), WRK_HIDE_CREDENTIAL));
	if (nbf > second + leeway)
		JOSE_REFUSE(errmsg("token is not valid yet"),
					errdetail("It will be in %lld seconds.", (long long) (nbf - second)));
	if (iat > second + leeway)
		JOSE_REFUSE(
			errmsg("token was issued in the future"),
			errdetail("It was issued %lld seconds from now.", (long long) (iat - second)),
			errhint("Is a clock wrong?  A key may have a leeway."));
	return exp + leeway;
}


/* ---------- issuer and audience ---------- */

void
claims_check_issuer(const JsonbValue *claims, const char *issuer)
{
	const JsonbValue *iss = jose_json_get(claims, "iss");

	if (iss != NULL && iss->type != jbvString)
		JOSE_REFUSE(errmsg("claim \"iss\" of the token must be a string"));
	if (issuer != NULL && (iss == NULL || !jose_json_equals(iss, issuer)))
		JOSE_REFUSE(errmsg("token is of another issuer"),
					errdetail_log("Expected \"%s\".", issuer));
}

static bool
is_among(const JsonbValue *string, char *const *audience, int naudience)
{
	if (string->type != jbvString)
		JOSE_REFUSE(
			errmsg("claim \"aud\" of the token must be a string or an array of strings"));
	for (int i = 0; i < naudience; i++)
		if (jose_json_equals(string, audience[i]))
			return true;
	return false;
}

/* RFC 7519 section 4.1.3: who is not in the audience must refuse */
void
claims_check_audience(const JsonbValue *claims, char *const *audience, int naudience)
{
	const JsonbValue *aud = jose_json_get(claims, "aud");
	bool found = false;

	if (aud == NULL && naudience == 0)
		return;
	if (aud != NULL && aud->type == jbvArray)
	{
		for (int i = 0; i < aud->val.array.nElems; i++)
			found |= is_among(&aud->val.array.elems[i], audience, naudience);
	}
	else if (aud != NULL)
		found = is_among(aud, audience, naudience);
	if (!found)
		JOSE_REFUSE(errmsg("token is for another audience"),
					errdetail_log(naudience == 0
									  ? "The key was imported without an audience."
									  : "It does not name an audience of the key."));
}


/* ---------- who it is ---------- */

/* palloc'd string claim, NULL if absent; anything unfit for an identity is a refusal */
static char *
string_claim(const JsonbValue *value, const char *part)
{
	bool fit;

	if (value == NULL)
		return NULL;
	fit = value->type == jbvString && value->val.string.len > 0;
	for (int i = 0; fit && i < value->val.string.len; i++)
	{
		unsigned char c = value->val.string.val[i];

		fit = c >= 0x20 && c != 0x7f;
	}
	if (!fit)
		JOSE_REFUSE(errmsg("claim for \"%s\" of the token must be a string", part),
					errdetail("It may not be empty or have control characters."));
	return jose_json_cstring(value);
}

/* a path that is mapped must lead to a string */
static char *
required_claim(const JsonbValue *claims, const ClaimMap *map, ClaimSlot slot)
{
	char *value = string_claim(follow(claims, &map->paths[slot]), slots[slot].name);

	if (value == NULL && map->paths[slot].depth > 0)
		JOSE_REFUSE(errmsg("token has no claim for \"%s\"", slots[slot].name),
					errdetail("The key expects it in \"%s\".",
							  map->paths[slot].names[map->paths[slot].depth - 1]));
	return value;
}

/* an array of strings, or one string for one role */
static void
read_roles(const JsonbValue *value, JwtPrincipal *out)
{
	const JsonbValue *elems = value;
	int n = 1;

	if (value == NULL)
		return;
	if (value->type == jbvArray)
	{
		elems = value->val.array.elems;
		n = value->val.array.nElems;
	}
	out->roles = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		out->roles[out->nroles++] = string_claim(&elems[i], slots[CLAIM_ROLES].name);
}

void
claims_principal(const JsonbValue *claims, const ClaimMap *map, JwtPrincipal *out)
{
	const JsonbValue *session = follow(claims, &map->paths[CLAIM_SESSION_ID]);

	out->tenant_id = required_claim(claims, map, CLAIM_TENANT_ID);
	out->user_id = required_claim(claims, map, CLAIM_USER_ID);
	if (session == NULL && map->jti_as_session)
		session = jose_json_get(claims, "jti");
	out->session_id = string_claim(session, slots[CLAIM_SESSION_ID].name);
	read_roles(follow(claims, &map->paths[CLAIM_ROLES]), out);
}
