# Without preloading the library comes in with the first call. What a session did
# before that, in the same transaction or while it connected, gets it nowhere.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('main', preload => 0);
my $key = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('acme', 'u')});
my $forged = "jwt\x1fk\x1f0\x1fglobex\x1fu\x1f";

$node->safe_psql('wrk', q{
	CREATE ROLE attacker LOGIN IN ROLE wrk_member;
	CREATE SCHEMA evil AUTHORIZATION attacker;
	SET ROLE attacker;
	CREATE FUNCTION evil.never(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false';
	CREATE OPERATOR evil.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.never)});

is(sqlstate_of($node, qq{
	BEGIN;
	DECLARE c CURSOR WITH HOLD FOR SELECT 1;
	SELECT wrk.authenticate('$key')}, as => 'attacker'), 'WK403', 'a cursor with hold that came first is noticed');
is(sqlstate_of($node, qq{
	SET search_path TO evil, pg_catalog;
	BEGIN;
	DECLARE c CURSOR WITH HOLD FOR SELECT 1;
	SELECT wrk.authenticate('$key')}, as => 'attacker'), 'WK403', 'also with operators of the attacker');
is(sqlstate_of($node, qq{
	BEGIN;
	DECLARE c CURSOR WITH HOLD FOR SELECT 1;
	COMMIT;
	SELECT wrk.authenticate('$key')}, as => 'attacker'), '', 'one of an earlier transaction does no harm');

# the setting, as long as nobody knows it
is($node->safe_psql('wrk', qq{SET wrk_copilot.identity = '$forged'; SELECT wrk.tenant_id() IS NULL}, extra_params => [ '-U', 'attacker' ]),
	't', 'a value from before is dropped');
is($node->safe_psql('wrk', qq{
	SET wrk_copilot.identity = '$forged';
	SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \\g /dev/null
	SELECT wrk.tenant_id() IS NULL}, extra_params => [ '-U', 'attacker' ]), 't', 'by parallel workers too');
{
	local $ENV{PGOPTIONS} = '-c wrk_copilot.identity=jwt,k,0,globex,u,';
	is($node->safe_psql('wrk', 'SELECT wrk.tenant_id() IS NULL', extra_params => [ '-U', 'attacker' ]), 't', 'or one from the connection');
}
is(sqlstate_of($node, qq{ALTER ROLE attacker SET wrk_copilot.identity = '$forged'}, as => 'attacker'), '42501', 'nor can it be left for later');

$node->stop;
done_testing();
