/*
 * rbac.c
 *	  wrk.can(): may the identity of this transaction do this?
 *
 * Roles, permissions and resource types change rarely and are asked for per
 * row, so each backend keeps them as bit masks: a role is a bit, a permission
 * (action, resource type) is the set of roles that have it.  Memberships are
 * many and are read from their index.  A trigger on the cached tables
 * invalidates the masks everywhere at commit (wrk.cache_invalidate()).
 *
 * Must stay true: (1) nobody may do nothing is the answer to every doubt:
 * unknown action, type, role or parent all mean no; (2) the tables are read
 * with a fresh snapshot, not that of the transaction or statement, or rights
 * taken away long ago could stay in the cache for as long as the session lives.
 */
#include "rbac.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define RBAC_NAME_LEN 64
#define RBAC_MAX_PARENTS 8

/* one of these for each role */
typedef struct RoleEntry
{
	char name[RBAC_NAME_LEN]; /* key */
	uint64 mask;              /* its bit */
} RoleEntry;

typedef struct PermissionKey
{
	char action[RBAC_NAME_LEN];
	char resource_type[RBAC_NAME_LEN];
} PermissionKey;

/* one of these for each (action, resource type) anybody has a permission for */
typedef struct PermissionEntry
{
	PermissionKey key;
	uint64 tenant_mask; /* roles that have it throughout their tenant */
	uint64 member_mask; /* roles that have it where the user is a member with that role */
} PermissionEntry;

/* one of these for each resource type that has a parent */
typedef struct ResourceTypeEntry
{
	char name[RBAC_NAME_LEN]; /* key */
	char parent_type[RBAC_NAME_LEN];
	Oid parent_of;
} ResourceTypeEntry;

/* everything cached lives in this context and goes with it */
typedef struct RbacCache
{
	MemoryContext context;
	HTAB *roles;
	HTAB *permissions;
	HTAB *resource_types;
} RbacCache;

static RbacCache cache;
static bool cache_valid = false;
static Oid cached_relids[3]; /* role, permission, resource_type */
static Oid membership_relid = InvalidOid;
static Oid membership_index = InvalidOid;

PG_FUNCTION_INFO_V1(wrk_can);
PG_FUNCTION_INFO_V1(wrk_role_mask);


/* ---------- cache ---------- */

static void
rbac_relcache_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid)
	{
		cache_valid = false;
		return;
	}
	for (size_t i = 0; i < lengthof(cached_relids); i++)
		if (relid == cached_relids[i])
			cache_valid = false;
	if (relid == membership_relid)
		cache_valid = false;
}

void
rbac_init(void)
{
	CacheRegisterRelcacheCallback(rbac_relcache_callback, (Datum) 0);
}

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = cache.context};

	return hash_create(name, 64, &ctl,
					   HASH_ELEM | HASH_CONTEXT |
						   (keysize == RBAC_NAME_LEN ? HASH_STRINGS : HASH_BLOBS));
}

static const char *
column_text(uint64 row, int column)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value ? value : "";
}

static void
run_query(const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read rights: %s", sql);
}

static void
load_roles(void)
{
	run_query("SELECT name, bit FROM wrk.role");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RoleEntry *entry = hash_search(cache.roles, column_text(i, 1), HASH_ENTER, NULL);

		entry->mask = UINT64CONST(1) << atoi(column_text(i, 2));
	}
}

static PermissionKey
permission_key(const char *action, const char *resource_type)
{
	PermissionKey key;

	memset(&key, 0, sizeof(key)); /* hashed as bytes */
	strlcpy(key.action, action, RBAC_NAME_LEN);
	strlcpy(key.resource_type, resource_type, RBAC_NAME_LEN);
	return key;
}

static void
load_permissions(void)
{
	run_query("SELECT action, resource_type, scope, bit FROM wrk.permission p"
			  " JOIN wrk.role r ON r.name OPERATOR(pg_catalog.=) p.role");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		PermissionKey key = permission_key(column_text(i, 1), column_text(i, 2));
		uint64 mask = UINT64CONST(1) << atoi(column_text(i, 4));
		bool found;
		PermissionEntry *entry = hash_search(cache.permissions, &key, HASH_ENTER, &found);

		if (!found)
			entry->tenant_mask = entry->member_mask = 0;
		entry->member_mask |= mask; /* what holds everywhere holds for members too */
		if (strcmp(column_text(i, 3), "tenant") == 0)
			entry->tenant_mask |= mask;
	}
}

static void
load_resource_types(void)
{
	run_query(
		"SELECT name, parent_type, pg_catalog.to_regprocedure(parent_of)::pg_catalog.oid FROM wrk.resource_type"
		" WHERE parent_type IS NOT NULL");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		ResourceTypeEntry *entry =
			hash_search(cache.resource_types, column_text(i, 1), HASH_ENTER, NULL);

		strlcpy(entry->parent_type, column_text(i, 2), RBAC_NAME_LEN);
		entry->parent_of = (Oid) strtoul(column_text(i, 3), NULL, 10);
	}
}

static void
load_cache(void)
{
	WrkRoleSwitch saved;

	if (cache.context != NULL)
		MemoryContextReset(cache.context);
	else
		cache.context = AllocSetContextCreate(CacheMemoryContext, "wrk_copilot rights",
											  ALLOCSET_SMALL_SIZES);
	cache.roles = make_table("wrk roles", RBAC_NAME_LEN, sizeof(RoleEntry));
	cache.permissions =
		make_table("wrk permissions", sizeof(PermissionKey), sizeof(PermissionEntry));
	cache.resource_types =
		make_table("wrk resource types", RBAC_NAME_LEN, sizeof(ResourceTypeEntry));
	cached_relids[0] = wrk_relation("role");
	cached_relids[1] = wrk_relation("permission");
	cached_relids[2] = wrk_relation("resource_type");
	membership_relid = wrk_relation("membership");
	membership_index = wrk_relation("membership_pkey");

	/* what was announced up to here is in the snapshot taken after it */
	for (size_t i = 0; i < lengthof(cached_relids); i++)
		LockRelationOid(cached_relids[i], AccessShareLock);

	/* valid before reading: a change that arrives meanwhile makes it invalid again */
	cache_valid = true;
	PG_TRY();
	{
		saved = wrk_become(wrk_owner());
		SPI_connect();
		PushActiveSnapshot(GetCatalogSnapshot(cached_relids[0]));
		load_roles();
		load_permissions();
		load_resource_types();
		PopActiveSnapshot();
		SPI_finish();
		wrk_unbecome(saved);
	}
	PG_CATCH();
	{
		cache_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static inline void
ensure_cache(void)
{
	/* a transaction that takes no new locks would not hear of changes before its end */
	AcceptInvalidationMessages();
	if (!cache_valid)
		load_cache();
}


/* ---------- answers ---------- */

static uint64
role_bit(const char *role)
{
	RoleEntry *entry;

	if (strlen(role) >= RBAC_NAME_LEN)
		return 0;
	entry = hash_search(cache.roles, role, HASH_FIND, NULL);
	return entry ? entry->mask : 0;
}

uint64
rbac_role_mask(const char *const *roles, int nroles)
{
	uint64 mask = 0;

	ensure_cache();
	for (int i = 0; i < nroles; i++)
		mask |= role_bit(roles[i]);
	return mask;
}

/* roles the user holds on just this resource */
static uint64
membership_mask(const Identity *id, const char *resource_type, const char *resource_id)
{
	const char *values[] = {id->tenant_id, id->user_id, resource_type, resource_id};
	ScanKeyData keys[lengthof(values)];
	Relation rel = table_open(membership_relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple tuple;
	uint64 mask = 0;

	for (size_t i = 0; i < lengthof(values); i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   TupleDescAttr(RelationGetDescr(rel), i)->attcollation,
							   F_TEXTEQ, CStringGetTextDatum(values[i]));
	scan = systable_beginscan(rel, membership_index, true, GetActiveSnapshot(),
							  lengthof(values), keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;
		Datum role = heap_getattr(tuple, 5, RelationGetDescr(rel), &isnull);

		mask |= role_bit(TextDatumGetCString(role));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return mask;
}

/* palloc'd id of the resource's parent, NULL if it has none or the caller cannot see it
 */
static char *
parent_id(Oid parent_of, const char *resource_id)
{
	bool isnull;
	Datum result;

	if (!wrk_has_shape(parent_of, TEXTOID, TEXTOID))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("a resource type has no usable function for its parent"),
				 errhint("Column parent_of names a function that takes one text and"
						 " returns text.")));
	result = wrk_call1(parent_of, CStringGetTextDatum(resource_id), &isnull);
	return isnull ? NULL : TextDatumGetCString(result);
}

/*
 * The permission is looked up once, for the type that was asked about; being a
 * member of a parent (an automation's project) counts as being a member.
 */
static bool
member_may(const Identity *id, uint64 member_mask, const char *resource_type,
		   const char *resource_id)
{
	for (int depth = 0; depth < RBAC_MAX_PARENTS; depth++)
	{
		ResourceTypeEntry *type;
		Oid parent_of;

		if (membership_mask(id, resource_type, resource_id) & member_mask)
			return true;
		type = hash_search(cache.resource_types, resource_type, HASH_FIND, NULL);
		if (type == NULL)
			return false;
		parent_of = type->parent_of;
		resource_type = pstrdup(type->parent_type); /* the call may rebuild the cache */
		resource_id = parent_id(parent_of, resource_id);
		if (resource_id == NULL)
			return false;
		ensure_cache();
	}
	return false;
}

bool
rbac_can(const Identity *id, const char *action, const char *resource_type,
		 const char *resource_id)
{
	PermissionKey key;
	PermissionEntry *entry;
	uint64 mask;

	if (id == NULL || strlen(action) >= RBAC_NAME_LEN ||
		strlen(resource_type) >= RBAC_NAME_LEN)
		return false;
	mask = rbac_role_mask(id->roles, id->nroles); /* first: it may rebuild the cache */
	key = permission_key(action, resource_type);
	entry = hash_search(cache.permissions, &key, HASH_FIND, NULL);
	if (entry == NULL)
		return false;
	if (mask & entry->tenant_mask)
		return true;
	if (resource_id == NULL || id->user_id == NULL)
		return false;
	return member_may(id, entry->member_mask, resource_type, resource_id);
}


/* ---------- SQL ---------- */

Datum
wrk_can(PG_FUNCTION_ARGS)
{
	char *action = wrk_text_arg(fcinfo, 0);
	char *resource_type = wrk_text_arg(fcinfo, 1);

	if (action == NULL || resource_type == NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(
		rbac_can(identity_current(), action, resource_type, wrk_text_arg(fcinfo, 2)));
}

Datum
wrk_role_mask(PG_FUNCTION_ARGS)
{
	int n;
	char **roles = wrk_text_array(PG_GETARG_ARRAYTYPE_P(0), "role", &n);

	PG_RETURN_INT64((int64) rbac_role_mask((const char *const *) roles, n));
}
