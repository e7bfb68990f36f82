# What the TAP tests share: a server with the extension, and sets of rows to compare.
package Wrk;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(wrk_node sqlstate_of rows_of key_jwk load_world);

# A running server with the library preloaded and a database "wrk" with the
# extension.  Options: preload => 0, install => 1 (copilot.install()), conf => text
sub wrk_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'wrk_copilot'\n"
		  . "wrk_copilot.databases = 'wrk'\n") if $option{preload} // 1;
	$node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE wrk');
	if ($option{extension} // 1)
	{
		$node->safe_psql('wrk', 'CREATE EXTENSION wrk_copilot');
		$node->safe_psql('wrk', 'SELECT copilot.install()') if $option{install};
	}
	return $node;
}

# SQLSTATE of the first error of some SQL, '' if there was none.
# Options: as => role to connect as
sub sqlstate_of
{
	my ($node, $sql, %option) = @_;
	my @as = $option{as} ? (extra_params => [ '-U', $option{as} ]) : ();
	my ($status, $out, $err) = $node->psql('wrk', "\\set VERBOSITY verbose\n$sql", @as);

	return $err =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/ ? $1 : '';
}

# Everything in a table, as sorted text
sub rows_of
{
	my ($node, $table) = @_;
	return $node->safe_psql('wrk', "SELECT t::text FROM $table t ORDER BY 1");
}

# An HS256 key for tests as a JWK
sub key_jwk
{
	return '{"kty":"oct","kid":"tap","alg":"HS256","k":"' . ('A' x 43) . '"}';
}

# Two tenants with rows in every table of the application, and what asks for them: regress/world.sql,
# calls.sql, isolation.sql
sub load_world
{
	my ($node, $seed) = @_;

	$node->safe_psql('wrk', "\\i $FindBin::RealBin/../$_.sql") for qw(world calls isolation);
	$node->safe_psql('wrk', "BEGIN; SELECT regress.make_world('$_', $seed); COMMIT") for qw(a b);
	$node->safe_psql('wrk', q{SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}')});
}

1;
