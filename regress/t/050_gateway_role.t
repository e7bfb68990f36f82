# The gateway is not trusted: its role can call the gateway's functions and do
# nothing else, so whoever takes the gateway over holds only the tokens that
# pass through it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('main', install => 1);
$node->safe_psql('wrk', q{
	CREATE ROLE gateway LOGIN IN ROLE wrk_gateway;
	CREATE ROLE stranger LOGIN;
	INSERT INTO copilot.tenants (name, slug) VALUES ('Northwind', 'northwind')});
$node->safe_psql('wrk', "SELECT wrk.jwt_key_import('" . key_jwk() . "')");

# functions: the gateway's own, beyond what everybody may
my $functions = q{
	SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace::regnamespace::text IN ('wrk', 'copilot')
		AND has_schema_privilege('gateway', p.pronamespace, 'USAGE')
		AND has_function_privilege('gateway', p.oid, 'EXECUTE')
		AND NOT has_function_privilege('stranger', p.oid, 'EXECUTE')};
is_deeply([ sort split /\n/, $node->safe_psql('wrk', $functions) ], [
	'wrk.gateway_attach(text,text,integer)',
	'wrk.gateway_call(text,text,jsonb,text)',
	'wrk.gateway_fetch(text,text,bigint,integer,text)',
	'wrk.gateway_hello(text,integer)',
	'wrk.gateway_listen()',
	'wrk.gateway_open(text)',
	'wrk.gateway_presence(text,jsonb)',
	'wrk.gateway_present(text,text[])',
	'wrk.gateway_recheck(text,jsonb)',
	'wrk.gateway_refused(text,text,text,text,text)',
	'wrk.gateway_replay(text,text,text,text,integer)',
	'wrk.gateway_send(text[])',
	'wrk.gateway_subscribe(text,text)',
	'wrk.gateway_sweep(text)' ],
	'the gateway may execute its functions');

# everything else: nothing that a role nobody gave anything does not have
my %privileges = (
	tables => q{SELECT c.oid::regclass, p FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(%s, c.oid, p) ORDER BY 1::text, 2},
	columns => q{SELECT c.oid::regclass, p FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) p
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_any_column_privilege(%s, c.oid, p) ORDER BY 1::text, 2},
	sequences => q{SELECT c.oid::regclass, p FROM pg_class c, unnest('{USAGE,SELECT,UPDATE}'::text[]) p
		WHERE c.relkind = 'S' AND has_sequence_privilege(%s, c.oid, p) ORDER BY 1::text, 2},
	schemas => q{SELECT n.oid::regnamespace, p FROM pg_namespace n, unnest('{CREATE,USAGE}'::text[]) p
		WHERE has_schema_privilege(%s, n.oid, p) ORDER BY 1::text, 2},
	database => q{SELECT p FROM unnest('{CREATE,CONNECT,TEMPORARY}'::text[]) p WHERE has_database_privilege(%s, 'wrk', p) ORDER BY 1},
	attributes => q{SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
		FROM pg_roles WHERE rolname = %s});
for my $what (sort keys %privileges)
{
	is($node->safe_psql('wrk', sprintf($privileges{$what}, "'gateway'")),
		$node->safe_psql('wrk', sprintf($privileges{$what}, "'stranger'")), "no privilege on $what");
}
is($node->safe_psql('wrk', q{
	SELECT r.rolname FROM pg_roles r
	WHERE pg_has_role('gateway', r.oid, 'MEMBER') AND r.rolname <> 'gateway' ORDER BY 1}),
	'wrk_gateway', 'it can become no other role');

# and tried out
my %refused = (
	'reading messages' => 'SELECT * FROM copilot.messages',
	'reading tenants' => 'SELECT * FROM copilot.tenants',
	'reading events' => 'SELECT * FROM wrk.event',
	'reading signing keys' => 'SELECT * FROM wrk.jwt_key',
	'reading who is there' => 'SELECT * FROM wrk.presence',
	'reading API keys' => 'SELECT * FROM wrk.api_key',
	'writing an event' => q{SELECT wrk.emit('x.y', '{}', '{global}')},
	'making an API key' => q{SELECT wrk.api_key_create('t', 'u', '{admin}')},
	'importing a key' => "SELECT wrk.jwt_key_import('" . key_jwk() . "')",
	'impersonating' => q{SELECT wrk.impersonate('t', 'u', '{admin}')},
	'becoming a member' => 'SET ROLE wrk_member',
	'becoming a service' => 'SET ROLE wrk_service',
	'adding a method' => q{INSERT INTO wrk.rpc VALUES ('a.b', 'pg_reload_conf()'::regprocedure::oid)},
	'making a table' => 'CREATE TABLE wrk.mine ()');
is(sqlstate_of($node, $refused{$_}, as => 'gateway'), '42501', "$_ is refused") for sort keys %refused;

# with a token in hand it is still not the user
my $tenant = $node->safe_psql('wrk', 'SELECT id FROM copilot.tenants');
my $token = $node->safe_psql('wrk', qq{SELECT wrk.jwt_sign(jsonb_build_object('sub', 'u', 'tenant_id', '$tenant',
	'roles', '["admin"]'::jsonb, 'exp', extract(epoch FROM now())::bigint + 600), '} . key_jwk() . qq{'::jsonb)});
is(sqlstate_of($node, "BEGIN; SELECT wrk.authenticate('$token'); SELECT * FROM copilot.tenants", as => 'gateway'),
	'42501', 'a token does not open tables to it');
is(sqlstate_of($node, "SELECT wrk.gateway_open('$token')", as => 'gateway'), '', 'its own functions take the token');
is(sqlstate_of($node, "SELECT wrk.gateway_open('$token')", as => 'stranger'), '42501', 'which a stranger may not call');
is(sqlstate_of($node, 'SELECT wrk.gateway_open(NULL)', as => 'gateway'), 'WK400', 'no token is refused');

$node->stop;
done_testing();
