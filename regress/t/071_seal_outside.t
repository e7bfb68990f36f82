# A dump takes seals along, and the restored log goes on where the old one was; an
# outsider verifies proofs of both with nothing but a public key and a kept head.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $checker = "$FindBin::RealBin/../../tools/audit-check";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical->allow_nonref;
my $old = wrk_node('old', conf => "wrk_copilot.maintenance_interval = 0\n");

# writes a file of JSON and returns its name
sub file
{
	my ($name, $value) = @_;
	my $file = "$dir/$name";

	open(my $out, '>', $file) or die "$file: $!";
	print $out ref $value || !defined $value ? $json->encode($value) : $value;
	close $out;
	return $file;
}

sub encode_base64url { my $text = encode_base64($_[0], ''); $text =~ tr{+/=}{-_}d; return $text; }

# exit status of the checker and what it said
sub check
{
	my ($proofs, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $checker, @options ], '<', file('proofs.json', $proofs), '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	return ($? >> 8, $out . $err);
}

sub json_of { my ($node, $sql) = @_; return $json->decode($node->safe_psql('wrk', "SELECT $sql")); }

sub write_rows
{
	my ($node, $n) = @_;
	$node->safe_psql('wrk', qq{SELECT count(wrk.audit('thing.done', 'thing', i::text,
		jsonb_build_object('n', 12345678901234567890.10, 'text', E'\\u00e9 "\\U0001F600"', 'list', '[null, true, {}]'::jsonb), 'acme')) FROM generate_series(1, $n) i});
	return $node->safe_psql('wrk', 'SELECT wrk.seal()');
}

# ---------- proofs ----------

write_rows($old, $_) for 300, 1, 700;
my $keys = file('keys.json', $old->safe_psql('wrk', 'SELECT jsonb_agg(jwk) FROM wrk.seal_keys()'));
my @ids = split /\n/, $old->safe_psql('wrk', q{SELECT id FROM wrk.audit_log WHERE tenant_id = 'acme' ORDER BY id});
my $first = json_of($old, q{wrk.audit_consistency('acme', 300, 1001)});
my $kept = file('kept.json', $first->{seal1});
my @proofs = map { json_of($old, "wrk.audit_proof($_)") } @ids[ 0, 1, 255, 256, 299, 300, 301, 511, 512, 999, 1000 ];

my ($status, $said) = check(\@proofs, '--key', $keys);
is($status, 0, 'rows are proven') or diag($said);
is(scalar(() = $said =~ /^ok row/mg), @proofs, 'each of them');
like($said, qr/"metadata": \{"n":12345678901234567890\.10,"list":\[null,true,\{\}\],"text":"\xC3\xA9 \\"\xF0\x9F\x98\x80\\""\}/,
	'and shown as they are, numbers in full');
like($said, qr/"created_at": "20\d\d-\d\d-\d\dT[\d:.]+Z"/, 'with a time');
my ($id, $at) = $said =~ /\{"id": (\d+), "created_at": "([^"]+)"/;
is($old->safe_psql('wrk', "SELECT created_at = '$at' FROM wrk.audit_log WHERE id = $id"), 't', 'to the microsecond');

# every pair of seals, and all sizes around tiles
for my $pair ([ 300, 301 ], [ 300, 1001 ], [ 301, 1001 ], [ 1001, 1001 ])
{
	my ($a, $b) = @$pair;
	($status, $said) = check(json_of($old, "wrk.audit_consistency('acme', $a, $b)"), '--key', $keys);
	is($status, 0, "the log of $b rows begins with that of $a") or diag($said);
}
($status, $said) = check([ @proofs, $first ], '--key', $keys, '--head', $kept);
is($status, 0, 'rows are proven to be in what grew out of a kept head') or diag($said);
($status, $said) = check(\@proofs, '--key', $keys, '--head', $kept);
is($status, 1, 'but not without a proof that it did');
like($said, qr/no consistency proof links seal 3/, 'as it says');

# ---------- what is not proven ----------

# one character of a text becomes another one
sub turn
{
	my ($at) = @_;

	substr($_[1], $at, 1) = substr($_[1], $at, 1) eq 'A' ? 'B' : 'A';
	return;
}

my %wrong = (
	leaf => sub { turn(60, $_[0]{leaf}) },
	'leaf cut' => sub { substr($_[0]{leaf}, -8) = '' },
	'no leaf' => sub { delete $_[0]{leaf} },
	index => sub { $_[0]{index}++ },
	'negative index' => sub { $_[0]{index} = -1 },
	'id' => sub { $_[0]{id}++ },
	'path in another order' => sub { @{ $_[0]{path} }[ 0, 1 ] = @{ $_[0]{path} }[ 1, 0 ] },
	'path too short' => sub { pop @{ $_[0]{path} } },
	'path too long' => sub { push @{ $_[0]{path} }, '0' x 64 },
	'no hash in the path' => sub { $_[0]{path}[0] = 'x' },
	root => sub { $_[0]{seal}{root} =~ tr/0-9a-f/1-9a-f0/ },
	size => sub { $_[0]{seal}{size}++ },
	seq => sub { $_[0]{seal}{seq}++ },
	tenant => sub { $_[0]{seal}{tenant} = 'other' },
	prev => sub { $_[0]{seal}{prev} = '0' x 64 },
	'rows of the seal' => sub { $_[0]{seal}{rows} = '0' x 64 },
	time => sub { $_[0]{seal}{sealed_at}++ },
	kid => sub { $_[0]{seal}{kid} .= 'x' },
	signature => sub { turn(5, $_[0]{seal}{signature}) },
	'no signature' => sub { delete $_[0]{seal}{signature} },
	'no seal' => sub { $_[0]{seal} = undef },
	format => sub { $_[0]{format} = 'x' });
for my $what (sort keys %wrong)
{
	my $proof = $json->decode($json->encode($proofs[6]));
	$wrong{$what}->($proof);
	die "$what: nothing was changed" if $json->encode($proof) eq $json->encode($proofs[6]);
	($status, $said) = check($proof, '--key', $keys);
	is($status, 1, "not proven: another $what") or diag($said);
}
my %wrong_growth = (
	'path' => sub { $_[0]{path}[0] =~ tr/0-9a-f/1-9a-f0/ },
	'path too short' => sub { pop @{ $_[0]{path} } },
	'path too long' => sub { push @{ $_[0]{path} }, '0' x 64 },
	'size' => sub { $_[0]{size1}++ },
	'head' => sub { $_[0]{seal1} = $_[0]{seal2} },
	'order of heads' => sub { @{ $_[0] }{qw(seal1 seal2 size1 size2)} = @{ $_[0] }{qw(seal2 seal1 size2 size1)} });
for my $what (sort keys %wrong_growth)
{
	my $proof = $json->decode($json->encode($first));
	$wrong_growth{$what}->($proof);
	($status, $said) = check($proof, '--key', $keys);
	is($status, 1, "not proven: another $what of two seals") or diag($said);
}
($status) = check(\@proofs, '--key', file('other.json', $old->safe_psql('wrk', q{SELECT wrk.seal_key_make('EdDSA') - 'd' - 'alg'})));
is($status, 1, 'not proven: with another key');
for my $case ([ [], qr/nothing was given/ ], [ undef, qr/has none/ ], [ {}, qr/has none/ ])
{
	($status, $said) = check($case->[0], '--key', $keys);
	is($status, 1, 'not proven: nothing');
	like($said, qr/^NOT PROVEN .*$case->[1]/m, 'as it says');
}
like((check([], '--key'))[1], qr/which file\? --key needs one/, 'an option without its file says so');
is((check($proofs[0]))[0], 2, 'a key must be given');
is((check('{', '--key', $keys))[0], 2, 'and JSON');

# what is signed by a key of ours, or by nobody, and makes no sense
my %nonsense = (
	'a leaf that goes deeper than any row' => sub { $_[0]{leaf} = encode_base64url("\x01" . "\x06\x00\x00\x00\x01" x 100_000) },
	'a time that is none' => sub { $_[0]{leaf} = encode_base64url("\x01\x02\x7f" . "\xff" x 7) },
	'a key that is none' => sub { $_[0]{seal}{kid} = 'x' });
for my $what (sort keys %nonsense)
{
	my $proof = $json->decode($json->encode($proofs[6]));
	$nonsense{$what}->($proof);
	($status, $said) = check($proof, '--key', $keys);
	is($status, 1, "not proven: $what");
	like($said, qr/\ANOT PROVEN|^NOT PROVEN/m, 'as it says') or diag($said);
	unlike($said, qr/^\s+at /m, 'and no more than that');
}
($status, $said) = check(('[' x 100_000) . (']' x 100_000), '--key', $keys);
is($status, 1, 'nor lists without an end') or diag($said);
($status, $said) = check({ %{ $proofs[0] }, format => "x\nok row 1 is leaf 0\e[2J" }, '--key', $keys);
is($status, 1, 'nor what has another format');
unlike($said, qr/^ok row|\e/m, 'which says nothing in our words');
($status, $said) = check($proofs[6], '--key', file('bad_key.json', '[{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": ' . $json->encode($proofs[6]{seal}{kid}) . '}, null, 7]'));
is($status, 1, 'a key that is none proves nothing');
like($said, qr/^NOT PROVEN/m, 'as it says') or diag($said);

# ---------- other encodings ----------

# bytes that no UTF-8 stands for do not keep anything from being sealed, and are told from text
for my $encoding (qw(SQL_ASCII WIN1252))
{
	my $db = lc $encoding;
	$old->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$encoding' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	$old->safe_psql($db, 'CREATE EXTENSION wrk_copilot');
	$old->safe_psql($db, q{SET client_encoding = 'SQL_ASCII'; SELECT wrk.audit('thing.done', 'thing', t, jsonb_build_object(t, t), 'acme')
		FROM unnest(ARRAY['plain', E'x\x81', E'\xe9', E'\xc3\xa9']) t; SELECT wrk.seal()});
	is($old->safe_psql($db, q{SELECT ok, rows, unsealed FROM wrk.audit_verify('acme')}), 't|4|0', "a log in $encoding is sealed");
	my @rows = map { $json->decode($old->safe_psql($db, "SELECT wrk.audit_proof($_)")) }
		split /\n/, $old->safe_psql($db, q{SELECT id FROM wrk.audit_log WHERE tenant_id = 'acme' ORDER BY id});
	($status, $said) = check(\@rows, '--key', file("$db.json", $old->safe_psql($db, 'SELECT jsonb_agg(jwk) FROM wrk.seal_keys()')));
	is($status, 0, 'and proven') or diag($said);
	like($said, qr/"metadata": \{"plain":"plain"\}.*"metadata": \{"\\\\x7881":"\\\\x7881"\}/s, 'what is no text as bytes');
}

# ---------- dump and restore ----------

$old->safe_psql('wrk', q{SELECT wrk.audit('not.sealed', 'thing', NULL, NULL, 'acme')});
$old->safe_psql('wrk', join(';', ('SELECT pg_current_xact_id()') x 300)); # ids ahead of those of a fresh server
my $dump = "$dir/wrk.dump";
$old->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $old->connstr('wrk') ], 'the database can be dumped');

# while its background worker seals as often as it can
my $new = wrk_node('new', extension => 0, conf => "wrk_copilot.maintenance_interval = 1s\n");
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', $new->connstr('wrk'), $dump ], 'and restored, while sealing is on');
$new->poll_query_until('wrk', q{SELECT bool_and(last_run IS NOT NULL AND last_error IS NULL) FROM wrk.maintenance WHERE name = 'wrk.seal'
	HAVING (SELECT unsealed FROM wrk.audit_verify('acme')) = 0}) or die 'the worker does not seal';
is($new->safe_psql('wrk', q{SELECT ok, rows, unsealed FROM wrk.audit_verify('acme')}), 't|1002|0', 'the restored log is what was sealed');
is($new->safe_psql('wrk', q{SELECT count(*), count(DISTINCT id), max(seq) FROM wrk.audit_seal, unnest(ids) id WHERE tenant_id = 'acme'}),
	'1002|1002|4', 'only what was not sealed yet was');
is($new->safe_psql('wrk', 'SELECT count(*) FROM wrk.seal_keys()'), 1, 'with the same key');
write_rows($new, 5);
$new->poll_query_until('wrk', q{SELECT unsealed = 0 FROM wrk.audit_verify('acme')}) or die 'the worker does not seal';
is($new->safe_psql('wrk', q{SELECT ok, rows FROM wrk.audit_verify('acme')}), 't|1007', 'sealing goes on');
($status, $said) = check([ json_of($new, q{wrk.audit_consistency('acme', 300, 1007)}), json_of($new, "wrk.audit_proof($ids[256])"),
	json_of($new, q{wrk.audit_head('acme')}) ], '--key', $keys, '--head', $kept);
is($status, 0, 'the restored log grew out of the head that was kept before') or diag($said);

# the old one goes another way: both are signed, but not one log
write_rows($old, 9);
($status, $said) = check([ json_of($old, q{wrk.audit_head('acme')}) ], '--key', $keys, '--head', file('new.json', json_of($new, q{wrk.audit_head('acme')})));
is($status, 1, 'a log that forked does not pass for the other');
my $size = $old->safe_psql('wrk', q{SELECT size FROM wrk.audit_head WHERE tenant_id = 'acme'});
($status, $said) = check([ json_of($new, q{wrk.audit_consistency('acme', 300, 1007)}), json_of($old, "wrk.audit_consistency('acme', 300, $size)"),
	json_of($old, q{wrk.audit_head('acme')}) ], '--key', $keys, '--head', "$dir/new.json");
is($status, 1, 'nor by way of what both began with') or diag($said);
($status, $said) = check([ json_of($new, q{wrk.audit_consistency('acme', 300, 1007)}), json_of($new, q{wrk.audit_consistency('acme', 300, 1001)}),
	$first->{seal1} ], '--key', $keys, '--head', "$dir/new.json");
is($status, 0, 'but that itself is proven') or diag($said);

$old->stop;
$new->stop;
done_testing();
