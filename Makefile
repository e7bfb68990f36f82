# wrk_copilot: the extension (PGXS) and, below sidecar/, the gateway.
#
#   make demo     show it working            make test     prove it
#   make help     every other target

EXTENSION  = wrk_copilot
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big = wrk_copilot
# One stem is one module: extension/STEM.c and extension/STEM.sql, sql/STEM.sql tests it.
# A line each, so that two additions do not meet in one line; SQL in order of need.
C_STEMS    = wrk_copilot wrk_json
C_STEMS   += table_cache table_insert
C_STEMS   += identity identity_sql api_key
C_STEMS   += session
C_STEMS   += base64url jose_json jwk jws jwt jwt_claims jwt_key
C_STEMS   += json_tree json_new json_write json_number
C_STEMS   += json_hash json_keyed json_order
C_STEMS   += json_text json_work
C_STEMS   += json_pointer json_patch json_merge_patch json_patch_sql
C_STEMS   += json_map blueprint_problems blueprint_validate blueprint_validate_sql
C_STEMS   += blueprint_place blueprint_ui blueprint_order blueprint_diff blueprint_shape blueprint_patch blueprint_sql
C_STEMS   += json_align json_diff json_merge json_diff_sql
C_STEMS   += blueprint_merge blueprint_merge_sql
C_STEMS   += uuid5 blueprint_build blueprint_import blueprint_import_sql
C_STEMS   += blueprint_react_flow blueprint_n8n blueprint_node_red blueprint_step_functions
C_STEMS   += webhook
C_STEMS   += rbac
C_STEMS   += tenancy
C_STEMS   += position event event_check event_store event_since event_config event_row event_trigger
C_STEMS   += access access_trigger
C_STEMS   += status status_machine status_table status_step status_store status_row status_trigger status_changed status_import
C_STEMS   += doorbell doorbell_worker maintenance
C_STEMS   += doorbell_queue job
C_STEMS   += channel rpc
C_STEMS   += ephemeral
C_STEMS   += presence
C_STEMS   += protection
C_STEMS   += audit audit_store audit_writer audit_config audit_changes audit_trigger
C_STEMS   += history history_row history_log history_state history_write history_merge history_revert history_blame
C_STEMS   += entity entity_count
C_STEMS   += seal_tree seal_tree_sql seal_encode seal_key seal_store seal_access
C_STEMS   += seal seal_verify seal_verify_leaves seal_proof

SQL_STEMS  = wrk_copilot
SQL_STEMS += identity api_key
SQL_STEMS += jwt jwt_key
SQL_STEMS += webhook
SQL_STEMS += rbac
SQL_STEMS += tenancy
SQL_STEMS += maintenance event event_rotate event_trigger doorbell
SQL_STEMS += session
SQL_STEMS += channel rpc gateway
SQL_STEMS += gateway_bus
SQL_STEMS += ephemeral
SQL_STEMS += access
SQL_STEMS += limits
SQL_STEMS += presence
SQL_STEMS += job job_work
SQL_STEMS += audit audit_trigger audit_retention
SQL_STEMS += seal_tree seal_key seal seal_verify seal_proof
SQL_STEMS += lock
SQL_STEMS += history
SQL_STEMS += entity
SQL_STEMS += protection
SQL_STEMS += status_define status
SQL_STEMS += json_patch
SQL_STEMS += blueprint_validate
SQL_STEMS += blueprint
SQL_STEMS += json_diff
SQL_STEMS += blueprint_merge
SQL_STEMS += blueprint_import
SQL_STEMS += lint

COPILOT    = base identity automations
COPILOT   += sessions login access access_calls api_keys
COPILOT   += blueprints blueprint_edit
COPILOT   += undo
COPILOT   += audit
COPILOT   += history
COPILOT   += notifications notification_calls delivery builds
COPILOT   += router
COPILOT   += intake
COPILOT   += automation_calls automation_lists
COPILOT   += execution bindings run_events usage
COPILOT   += pricing quotes quote_calls
COPILOT   += commitments billing billing_calls
COPILOT   += projects
COPILOT   += rooms messages message_calls reads threads
COPILOT   += tasks task_rules
COPILOT   += presence
COPILOT   += locks files
COPILOT   += clients client_health project_calls pipeline operations
COPILOT   += revocation
COPILOT   += lifecycle install

OBJS       = $(C_STEMS:%=extension/%.o)
FRAGMENTS  = $(SQL_STEMS:%=extension/%.sql) $(COPILOT:%=extension/copilot/%.sql)
SCRIPT     = extension/$(EXTENSION)--$(EXTVERSION).sql
DATA       = $(wildcard extension/updates/*.sql)
DATA_built = $(SCRIPT)

# audit begins with an empty log
REGRESS    = audit audit_retention
REGRESS   += identity api_key
REGRESS   += jwt jwt_refusals jwt_key
REGRESS   += webhook
REGRESS   += session
REGRESS   += rbac
REGRESS   += tenancy
REGRESS   += position event event_trigger event_rotate maintenance
REGRESS   += gateway
REGRESS   += gateway_bus
REGRESS   += ephemeral
REGRESS   += access
REGRESS   += limits
REGRESS   += presence
REGRESS   += job
REGRESS   += protection
REGRESS   += lock
REGRESS   += audit_writer
REGRESS   += seal_tree seal
REGRESS   += status status_define status_tricks
REGRESS   += history history_revert
REGRESS   += entity
REGRESS   += copilot_audit
REGRESS   += copilot_login copilot_access
REGRESS   += copilot copilot_calls copilot_events copilot_lifecycle status_matrix
REGRESS   += copilot_notifications
REGRESS   += flow_21_build_request flow_22_build_worker
REGRESS   += copilot_billing
REGRESS   += flow_11_quote flow_14_pricing_override flow_19_price_adjusted
REGRESS   += flow_17_commitment flow_20_billing_period
REGRESS   += json_patch
REGRESS   += blueprint_validate
REGRESS   += blueprint
REGRESS   += json_diff
REGRESS   += json_merge
REGRESS   += blueprint_merge
REGRESS   += blueprint_import
REGRESS   += copilot_blueprint
REGRESS   += copilot_undo
REGRESS   += copilot_execution flow_27_run_webhook flow_28_usage_alerts
REGRESS   += copilot_history
REGRESS   += flow_08_create_automation
REGRESS   += flow_09_intake
REGRESS   += flow_10_blueprint_progress
REGRESS   += flow_12_new_version
REGRESS   += flow_13_router
REGRESS   += flow_24_pause
REGRESS   += flow_24a_resume
REGRESS   += flow_24b_block
REGRESS   += flow_26_launch
REGRESS   += flow_35_archive
REGRESS   += copilot_files
REGRESS   += flow_30_messages
REGRESS   += flow_31_system_tasks
REGRESS   += flow_32_task_progress
REGRESS   += copilot_operations flow_33_clients flow_34_client_health
REGRESS   += attack
REGRESS   += example_app
REGRESS   += lint
REGRESS_OPTS   = --encoding=UTF8 --no-locale
ISOLATION  = jwt_key_rotation
ISOLATION += automation_races
ISOLATION += rbac_change
ISOLATION += history_revert
ISOLATION += entity_patch
ISOLATION += lock_race
ISOLATION += task_rules
ISOLATION += status_race
ISOLATION += client_health_race
ISOLATION += status_bulk
ISOLATION += status_definition
ISOLATION += job_claim
ISOLATION += blueprint_apply
ISOLATION += blueprint_undo
ISOLATION += run_ingest
ISOLATION += copilot_session
ISOLATION += billing_finalize quote_answer
ISOLATION += event_commit_order event_rollback event_savepoint event_prepared event_rotate
ISOLATION_OPTS = --inputdir=regress

PG_CPPFLAGS = -DWRK_COPILOT_VERSION='"$(EXTVERSION)"'
PG_CFLAGS  = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
             -Wno-missing-field-initializers -Wno-cast-function-type -Wno-declaration-after-statement
SHLIB_LINK = -lcrypto -Wl,-Bsymbolic
EXTRA_CLEAN = $(SCRIPT) $(wildcard extension/*.bc)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

# Without the server's headers only deps, help and what installs them can run.
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
endif

$(OBJS): Makefile $(wildcard extension/*.h)

$(SCRIPT): $(FRAGMENTS) $(EXTENSION).control Makefile
	cat $(FRAGMENTS) > $@

include tools/targets.mk
