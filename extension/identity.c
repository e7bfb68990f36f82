/*
 * identity.c
 *	  The verified identity of this transaction.
 *
 * The identity is the value of a custom setting, wrk_copilot.identity, because
 * the server already gives settings what an identity needs: they follow
 * savepoints and rollbacks, end with the transaction when set locally, and
 * travel to parallel workers.  What makes it unforgeable is the check hook: it
 * refuses every value but the empty one unless identity_set() is writing it at
 * this very moment, or a starting parallel worker is restoring what its leader
 * holds.  SET, set_config(), ALTER ROLE, function SET clauses and connection
 * options all end there.  The hook's parsed struct is what readers use, so
 * reading costs a pointer.
 *
 * Must stay true: (1) only identity_set() raises identity_writing; (2) a
 * transaction never sees two tenants; (3) no row read under an identity may
 * outlive its transaction, hence no holdable cursors in such a transaction.
 */
#include "identity.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "wrk_json.h"

#define IDENTITY_GUC "wrk_copilot.identity"

/*
 * Text form of the setting: fields separated by FIELD_SEP in the order of
 * identity_serialize(), then one field per role.  No field can hold the
 * separator because control characters are refused.
 */
#define FIELD_SEP '\x1f'
#define FIXED_FIELDS 7
#define IN_SCOPE '+' /* begins the scopes while a method within them runs */
#define IDENTITY_MAX_ROLES 64
#define IDENTITY_MAX_BYTES 8192
#define IDENTITY_MAX_TENANT 128

static char *identity_string = NULL;           /* the setting, as the server keeps it */
static const Identity *identity_parsed = NULL; /* the same, parsed; NULL = nobody */
static uint64 identity_changes = 0;            /* how often it became another */
static bool identity_writing = false;          /* identity_set() is at work */
static char *pinned_tenant = NULL;             /* first tenant of this transaction */
static bool holdable_declared = false; /* DECLARE ... WITH HOLD in this transaction */
static bool loaded_in_this_transaction = false; /* the hook missed its beginning */
static bool mirror_claims = false;              /* wrk_copilot.mirror_claims */
static ProcessUtility_hook_type prev_ProcessUtility = NULL;


/* ---------- text form <-> struct ---------- */

static int
count_fields(const char *text)
{
	int n = 1;

	for (; *text; text++)
		n += (*text == FIELD_SEP);
	return n;
}

/*
 * Parses a serialized identity into one block the GUC machinery can free.
 * Returns NULL if memory ran out or the text is not one of ours.
 */
static Identity *
identity_parse(const char *text)
{
	int nfields = count_fields(text);
	size_t text_size = strlen(text) + 1;
	Identity *id;
	char *copy;
	char *fields[FIXED_FIELDS];

	if (nfields < FIXED_FIELDS)
		return NULL;
	id = wrk_guc_malloc(sizeof(Identity) + (nfields - FIXED_FIELDS) * sizeof(char *) +
						text_size);
	if (id == NULL)
		return NULL;
	id->nroles = nfields - FIXED_FIELDS;
	id->roles = (const char **) (id + 1);
	copy = (char *) (id->roles + id->nroles);
	memcpy(copy, text, text_size);

	for (int i = 0; i < nfields; i++)
	{
		char *end = strchr(copy, FIELD_SEP);

		if (end != NULL)
			*end = '\0';
		if (i < FIXED_FIELDS)
			fields[i] = copy;
		else
			id->roles[i - FIXED_FIELDS] = copy;
		copy = end ? end + 1 : copy;
	}
	id->via = fields[0];
	id->actor = fields[1];
	id->expires_at = strtoll(fields[2], NULL, 10);
	id->tenant_id = fields[3];
	id->user_id = fields[4][0] ? fields[4] : NULL;
	id->session_id = fields[5][0] ? fields[5] : NULL;
	id->in_scope = fields[6][0] == IN_SCOPE;
	id->scopes = fields[6][0] ? fields[6] + id->in_scope : NULL;
	return id;
}

/* refuses what could break the text form or a channel name built from it */
static const char *
checked_field(const char *what, const char *value)
{
	if (value == NULL)
		return "";
	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_WRK_BAD_REQUEST),
					 errmsg("%s of an identity contains a control character", what),
					 WRK_HIDE_CREDENTIAL));
	return value;
}

/*
 * A tenant's name is a part of channel names ("tenant:acme:project:42"), so it
 * must not be able to look like more than one part.
 */
static void
check_tenant(const char *tenant_id)
{
	if (tenant_id == NULL || tenant_id[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("an identity needs a tenant"), WRK_HIDE_CREDENTIAL));
	if (strlen(tenant_id) > IDENTITY_MAX_TENANT || strpbrk(tenant_id, ": {}") != NULL)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("tenant of an identity is not valid"), WRK_HIDE_CREDENTIAL,
						errdetail("It has at most %d bytes and no colon, brace or space.",
								  IDENTITY_MAX_TENANT)));
}

/* palloc'd text form of id */
static char *
identity_serialize(const Identity *id)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s%c%s%c" INT64_FORMAT "%c%s%c%s%c%s%c%s%s",
					 checked_field("origin", id->via), FIELD_SEP,
					 checked_field("actor", id->actor), FIELD_SEP, id->expires_at,
					 FIELD_SEP, checked_field("tenant", id->tenant_id), FIELD_SEP,
					 checked_field("user", id->user_id), FIELD_SEP,
					 checked_field("session", id->session_id), FIELD_SEP,
					 id->in_scope ? "+" : "", checked_field("scope", id->scopes));
	for (int i = 0; i < id->nroles; i++)
		appendStringInfo(&buf, "%c%s", FIELD_SEP, checked_field("role", id->roles[i]));
	if (id->nroles > IDENTITY_MAX_ROLES || buf.len > IDENTITY_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_TOO_LARGE),
				 errmsg("identity is too large: %d roles, %d bytes", id->nroles, buf.len),
				 errdetail("At most %d roles and %d bytes are kept.", IDENTITY_MAX_ROLES,
						   IDENTITY_MAX_BYTES),
				 WRK_HIDE_CREDENTIAL));
	return buf.data;
}


/* ---------- the setting ---------- */

static bool
identity_check_hook(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || (*newval)[0] == '\0')
		return true;
	if (!identity_writing && !InitializingParallelWorker)
	{
		GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
		GUC_check_errmsg("parameter \"%s\" cannot be set", IDENTITY_GUC);
		GUC_check_errhint("Call wrk.authenticate() with a valid token.");
		return false;
	}
	*extra = identity_parse(*newval);
	return *extra != NULL;
}

static void
identity_assign_hook(const char *newval, void *extra)
{
	identity_parsed = extra;
	identity_changes++;
}

uint64
identity_version(void)
{
	return identity_changes;
}

/* a second tenant in one transaction would let one read what the other wrote */
static void
pin_tenant(const char *tenant_id)
{
	if (pinned_tenant == NULL)
		pinned_tenant = MemoryContextStrdup(TopTransactionContext, tenant_id);
	else if (strcmp(pinned_tenant, tenant_id) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("this transaction already acts for another tenant"),
				 errhint("One transaction serves one tenant: commit or roll back first."),
				 WRK_HIDE_CREDENTIAL));
}

/* is_new: it comes from a credential in the statement that runs */
static void
refuse_expired(int64 expires_at, TimestampTz now, bool is_new)
{
	/* exp counts from 1970, the server from 2000; "on or after" as RFC 7519 4.1.4 has it
	 */
	int64 now_unix =
		now / USECS_PER_SEC + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

	if (expires_at != 0 && now_unix >= expires_at)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_TOKEN_EXPIRED), errmsg("the identity has expired"),
				 errdetail("It expired %lld seconds ago.",
						   (long long) (now_unix - expires_at)),
				 errhint("Get a new token and authenticate again."), errhidestmt(is_new),
				 errhidecontext(is_new)));
}

const Identity *
identity_presented(void)
{
	if (identity_parsed != NULL && identity_parsed->expires_at != 0)
		refuse_expired(identity_parsed->expires_at, GetCurrentStatementStartTimestamp(),
					   false);
	return identity_parsed;
}

const Identity *
identity_current(void)
{
	const Identity *id = identity_presented();

	/* else whoever holds such a credential could do by hand what its methods may not */
	if (id != NULL && id->scopes != NULL && !id->in_scope)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("this credential is good for calls of \"%s\" only", id->scopes),
				 errhint("Make the call through wrk.rpc_call() or the gateway.")));
	return id;
}


/* ---------- no rows past the end of the transaction ---------- */

static void
refuse_holdable(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_FORBIDDEN),
			 errmsg("a cursor WITH HOLD cannot be used together with an identity"),
			 errdetail("Its rows would stay readable after the identity has ended."),
			 errhint("Declare the cursor without HOLD."), WRK_HIDE_CREDENTIAL));
}

/* for the one transaction whose beginning the utility hook may have missed */
static bool
holdable_in_catalog(void)
{
	bool found;

	SPI_connect();
	if (SPI_execute("SELECT FROM pg_catalog.pg_cursors"
					" WHERE is_holdable AND creation_time OPERATOR(pg_catalog.>=)"
					" pg_catalog.transaction_timestamp()",
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_cursors");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

static void
identity_ProcessUtility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
						ProcessUtilityContext context, ParamListInfo params,
						QueryEnvironment *queryEnv, DestReceiver *dest,
						QueryCompletion *qc)
{
	Node *stmt = pstmt->utilityStmt;

	if (IsA(stmt, DeclareCursorStmt) &&
		(((DeclareCursorStmt *) stmt)->options & CURSOR_OPT_HOLD))
	{
		/* not identity_parsed: a function's SET clause may hide the identity for a while
		 */
		if (pinned_tenant != NULL)
			refuse_holdable();
		holdable_declared = true;
	}
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv,
							dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
								queryEnv, dest, qc);
}

static void
identity_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			pinned_tenant = NULL; /* its memory went with the transaction */
			holdable_declared = false;
			loaded_in_this_transaction = false;
			identity_writing = false;
			break;
		default:
			break;
	}
}

static void
show_claims(const Jsonb *claims)
{
	(void) set_config_option("request.jwt.claims", wrk_json_text(claims), PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, ERROR, false);
}

/*
 * Shows the identity where policies written for PostgREST look for it.  An output
 * only: anybody may set that parameter, so nothing of ours ever reads it.
 */
static void
mirror_identity(const Identity *id)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	/* policies that read the mirror know nothing of scopes: they see nobody */
	if (id->scopes != NULL)
	{
		show_claims(wrk_json_finish_object(&state));
		return;
	}
	wrk_json_pair_text(&state, "sub", id->user_id);
	wrk_json_pair_text(&state, "tenant_id", id->tenant_id);
	wrk_json_pair_text(&state, "sid", id->session_id);
	wrk_json_key(&state, "roles");
	wrk_json_begin_array(&state);
	for (int i = 0; i < id->nroles; i++)
		wrk_json_elem_text(&state, id->roles[i]);
	wrk_json_end_array(&state);
	if (id->expires_at != 0)
		wrk_json_pair_int64(&state, "exp", id->expires_at);
	show_claims(wrk_json_finish_object(&state));
}

/* set locally: undone with the subtransaction, seen by parallel workers */
static void
store_identity(const Identity *id)
{
	char *value = identity_serialize(id);

	identity_writing = true;
	PG_TRY();
	{
		(void) set_config_option(IDENTITY_GUC, value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, ERROR, false);
	}
	PG_FINALLY();
	{
		identity_writing = false;
	}
	PG_END_TRY();
	pfree(value);
}

void
identity_set(const Identity *id)
{
	check_tenant(id->tenant_id);
	refuse_expired(id->expires_at, GetCurrentTimestamp(), true);
	if (holdable_declared || (loaded_in_this_transaction && holdable_in_catalog()))
		refuse_holdable();
	pin_tenant(id->tenant_id);
	store_identity(id);
	if (mirror_claims)
		mirror_identity(id);
}


/* ---------- scopes ---------- */

/* a scope is a method, or ends in ".*" and is all that begin so, or is "*" */
static bool
scope_covers(const char *scope, size_t len, const char *method)
{
	if (len > 0 && scope[len - 1] == '*')
		return strncmp(scope, method, len - 1) == 0;
	return strlen(method) == len && memcmp(scope, method, len) == 0;
}

static bool
scopes_cover(const char *scopes, const char *method)
{
	while (*scopes)
	{
		size_t len = strcspn(scopes, " ");

		if (scope_covers(scopes, len, method))
			return true;
		scopes += len + (scopes[len] == ' ');
	}
	return false;
}

bool
identity_enter(const char *method)
{
	const Identity *id = identity_presented();
	Identity entered;

	if (id == NULL || id->scopes == NULL)
		return false;
	if (!scopes_cover(id->scopes, method))
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("method \"%s\" is not in the scopes of this credential",
							   method)));
	if (id->in_scope)
		return false;
	entered = *id;
	entered.in_scope = true;
	store_identity(&entered);
	return true;
}

void
identity_leave(void)
{
	const Identity *id = identity_presented();
	Identity left;

	if (id == NULL || !id->in_scope)
		return;
	left = *id;
	left.in_scope = false;
	store_identity(&left);
}

void
identity_init(void)
{
	DefineCustomStringVariable(IDENTITY_GUC, "Identity of this transaction; read-only.",
							   "Set by wrk.authenticate() and wrk.impersonate().",
							   &identity_string, "", PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   identity_check_hook, identity_assign_hook, NULL);
	DefineCustomBoolVariable(
		"wrk_copilot.mirror_claims", "Also shows each identity as request.jwt.claims.",
		"For policies written for PostgREST; never read by this extension.",
		&mirror_claims, false, PGC_SUSET, 0, NULL, NULL, NULL);
	loaded_in_this_transaction = IsTransactionState();
	RegisterXactCallback(identity_xact_callback, NULL);
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = identity_ProcessUtility;
}
