//! Functions that need no backend, against known answers; and Lua 5.1's own.

use crate::rig::{start, start_with};

/// Runs `body` as an RPC and compares what it returns.
#[track_caller]
fn check(body: &str, expect: &str) {
    let text = format!("local nk = require('nakama')\nnk.register_rpc(function(context, payload)\n{body}\nend, 'f')");
    assert_eq!(start_with(&[("f.lua", &text)], |settings| settings.threads = 1).says("f", "payload"), expect, "{body}");
}

#[track_caller]
fn fails(body: &str, part: &str) {
    let text = format!("local nk = require('nakama')\nnk.register_rpc(function(context, payload)\n{body}\nend, 'f')");
    let error = start_with(&[("f.lua", &text)], |settings| settings.threads = 1).rpc("f", "payload").expect_err(body);
    assert!(error.message.contains(part), "{body}: {}", error.message);
}

const PKCS1: &str = include_str!("pkcs1.pem");
const PKCS8: &str = include_str!("pkcs8.pem");

#[test]
fn texts_have_other_forms() {
    check("return nk.json_encode({ a = { 1, 2.5, 'x', true }, b = {} })", r#"{"a":[1,2.5,"x",true],"b":{}}"#);
    check("local t = nk.json_decode('{\"a\":[1,null,3],\"b\":{\"c\":\"d\"}}') return #t.a .. t.b.c .. tostring(t.a[2])", "3dnil");
    check("return nk.base64_encode('a?>') .. nk.base64_encode('a', false) .. nk.base64url_encode('a?>')", "YT8+YQYT8-");
    check(
        "return nk.base64_decode('YQ') .. nk.base64_decode('YQ==') .. nk.base64url_decode('YT8-') .. nk.base64url_decode('YQ')",
        "aaa?>a",
    );
    fails("return nk.base64_decode('YQ', false)", "not a valid base64 string");
    check("return nk.base16_encode('\\1\\255') .. nk.base16_decode('6a4B')", "01ffjK");
    fails("return nk.base16_decode('abc')", "not a valid base16 string");
    check(
        "local u = nk.uuid_v4() return #u .. u:sub(15, 15) .. tostring(u ~= nk.uuid_v4()) .. tostring(nk.uuid_bytes_to_string(nk.uuid_string_to_bytes(u)) == u)",
        "364truetrue",
    );
    fails("nk.uuid_string_to_bytes('x')", "not a valid UUID string");
    fails("nk.json_encode({ 0/0 })", "error encoding to JSON");
    fails("local t = {} t.t = t nk.json_encode(t)", "contains itself");
}

#[test]
fn hashes_are_those_of_the_standards() {
    check("return nk.md5_hash('abc')", "900150983cd24fb0d6963f7d28e17f72");
    check("return nk.sha256_hash('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2.
    check(
        "return nk.base16_encode(nk.hmac_sha256_hash('what do ya want for nothing?', 'Jefe'))",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    fails("nk.md5_hash('')", "bad argument #1 (expects input string)");
}

#[test]
fn ciphers_go_round_and_are_cfb() {
    check(
        "return nk.aes128_decrypt(nk.aes128_encrypt('a secret of 22 bytes!!', ('k'):rep(16)), ('k'):rep(16))",
        "a secret of 22 bytes!!  ",
    );
    check("return nk.aes256_decrypt(nk.aes256_encrypt('abcd', ('k'):rep(32)), ('k'):rep(32))", "abcd");
    // NIST SP 800-38A, F.3.13: two blocks of CFB128-AES128.
    check(
        "local key = nk.base16_decode('2b7e151628aed2a6abf7158809cf4f3c')
        local data = nk.base16_decode('000102030405060708090a0b0c0d0e0f3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b')
        return nk.base16_encode(nk.aes128_decrypt(data, key))",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
    );
    fails("nk.aes128_encrypt('a', 'short')", "expects key 16 bytes long");
    fails("nk.aes256_decrypt('short', ('k'):rep(32))", "input too short");
}

#[test]
fn secrets_are_hashed_on_another_thread() {
    check(
        "local h = nk.bcrypt_hash('secret') return h:sub(1, 7) .. tostring(nk.bcrypt_compare(h, 'secret')) .. tostring(nk.bcrypt_compare(h, 'other'))",
        "$2b$10$truefalse",
    );
    // A hash of Go's library.
    check(
        "return tostring(nk.bcrypt_compare('$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga', 'allmine'))",
        "true",
    );
    check("return tostring(nk.bcrypt_compare('nonsense', 'x'))", "false");
    fails("nk.bcrypt_hash(('x'):rep(73))", "at most 72 bytes");
}

#[test]
fn signatures_and_tokens() {
    check(
        "return nk.jwt_generate('HS256', 'secret', { sub = 'a', n = 1 })",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuIjoxLCJzdWIiOiJhIn0.O0RW5gmVksoKZNMRdRfhQxaTiPiOpR6hzoH22gepPn8",
    );
    fails("nk.jwt_generate('none', 'secret', {})", "unsupported algo type");
    fails("nk.jwt_generate('RS256', 'secret', {})", "error parsing key");
    let rig = start(&[(
        "s.lua",
        "local nk = require('nakama')
        nk.register_rpc(function(_, key) return nk.base16_encode(nk.rsa_sha256_hash('abc', key)) end, 'rsa')
        nk.register_rpc(function(_, key) return nk.jwt_generate('RS256', key, { a = 1 }) end, 'jwt')",
    )]);
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    let pair = ring::rsa::KeyPair::from_pkcs8(
        rustls_pki_types::pem::PemObject::from_pem_slice(PKCS8.as_bytes())
            .map(|key: rustls_pki_types::PrivatePkcs8KeyDer<'_>| key.secret_pkcs8_der().to_vec())
            .expect("a key")
            .as_slice(),
    )
    .expect("a key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref().to_vec());
    let signature = rig.says("rsa", PKCS1);
    let bytes: Vec<u8> =
        (0..signature.len() / 2).map(|at| u8::from_str_radix(&signature[at * 2..at * 2 + 2], 16).expect("hexadecimal")).collect();
    public.verify(b"abc", &bytes).expect("the key's signature");
    let token = rig.says("jwt", PKCS8);
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).expect("base64");
    public.verify(signed.as_bytes(), &signature).expect("the key's signature");
}

#[test]
fn time_has_its_forms() {
    check(
        "return tostring(nk.time({ year = 2020, month = 2, day = 29, hour = 1, min = 2, sec = 3, msec = 4 }))",
        "1582938123004",
    );
    check("return tostring(nk.time({ year = 1970, month = 1, day = 1 }))", "43200000");
    check("return tostring(math.abs(nk.time() / 1000 - os.time()) < 2)", "true");
    check(
        "return tostring(nk.cron_next('0 0 * * *', 1582938123)) .. ' ' .. tostring(nk.cron_prev('0 0 * * *', 1582938123))",
        "1583020800 1582934400",
    );
    check("return tostring(nk.time({ year = 1000000, month = 1, day = 1, hour = 0 }) > 3e16)", "true");
    for year in ["300000000", "-300000000", "1000001", "-1000001", "1e300", "-1e300", "1/0"] {
        fails(&format!("nk.time({{ year = {year}, month = 1, day = 1 }})"), "year is out of bounds");
    }
    fails("nk.time({ year = 2020 })", "field 'month' missing");
    fails("nk.cron_next('nonsense', 1)", "expects a valid cron string");
    fails("nk.cron_next('0 0 30 2 *', 1)", "has such a moment");
}

#[test]
fn lua_is_5_1_as_nakama_has_it() {
    check(
        "return tostring(unpack({ 1, 2 })) .. table.getn({ 1, 2, 3 }) .. table.maxn({ [5] = 1 }) .. tostring(math.mod(7, 4))",
        "1353",
    );
    check("return string.format('%s %s %d %5.1f %q', nil, true, 3, 2.25, 'a')", "nil true 3   2.2 \"a\"");
    check("return ('%s'):format({}):sub(1, 6)", "table:");
    check(
        "return type(_G.coroutine) .. type(_G.debug) .. type(_G.io) .. type(_G.loadstring) .. type(utf8) .. type(table.unpack) .. type(math.round) .. type(string.split)",
        "nilnilnilnilnilnilnilnil",
    );
    check("math.randomseed(os.time()) local r = math.random(1, 6) return tostring(r >= 1 and r <= 6)", "true");
    check("return tostring(bit32.band(6, 3)) .. bit32.bxor(6, 3) .. bit32.lshift(1, 4)", "2516");
    check("return os.date('!%Y-%m-%d', 0) .. tostring(os.difftime(5, 3))", "1970-01-012");
    check(
        "function math.round(x, d) local p = 10 ^ (d or 0) return math.floor(x * p + 0.5) / p end return tostring(math.round(2.345, 1))",
        "2.3",
    );
    check("table.find = function(t, f) return f(t[1]) end return table.find({ 2 }, function(x) return tostring(x * 2) end)", "4");
    check("function string.shout(s) return s:upper() .. '!' end return ('hey'):shout() .. string.shout('x')", "HEY!X!");
    check("counter = (counter or 0) + 1 _G.other = counter return tostring(other)", "1");
    check("local function f(...) return select('#', ...), arg end return tostring(f(1, nil, 3))", "3");
    check(
        "return tostring(pcall(error, 'x')) .. tostring(xpcall(function() error({}) end, function() return 'h' end))",
        "falsefalse",
    );
    check("local s = '' for i = 1, 5 do if i % 2 == 0 then goto next end s = s .. i ::next:: end return s", "135");
    check("return tostring(collectgarbage('count'))", "0");
    check(
        "print('a', nil, 1) return tostring(rawequal(_G, _G)) .. tostring(package.loaded.nakama == require('nakama'))",
        "truetrue",
    );
}

#[test]
fn amounts_are_whole_numbers_that_scripts_can_tell_apart() {
    check(
        "local u, p = nk.wallet_update(context.user_id, { coins = 2^53 - 1 }) return ('%d'):format(u.coins)",
        "9007199254740991",
    );
    check(
        "nk.wallet_update(context.user_id, { a = 5 }) local u = nk.wallet_update(context.user_id, { a = -5 }) return u.a .. ''",
        "0",
    );
    for (bad, why) in [
        ("context.user_id, { coins = 1.5 }", "expects changeset values to be whole numbers"),
        ("context.user_id, { coins = 0/0 }", "expects changeset values to be whole numbers"),
        ("context.user_id, { coins = 1/0 }", "expects changeset values to be whole numbers"),
        ("context.user_id, { coins = '1' }", "expects changeset values to be whole numbers"),
        ("context.user_id, { coins = 2^53 }", "at most 2^53 - 1"),
        ("context.user_id, { coins = -2^53 }", "at most 2^53 - 1"),
        ("context.user_id, { 1, 2 }", "expects changeset to be table"),
        ("context.user_id, { coins = -1 }", "wallet update rejected negative value"),
        ("context.user_id, { coins = 1 }, { 1, 2 }", "not a list"),
        ("'nobody', { coins = 1 }", "expects a valid user id"),
    ] {
        fails(&format!("nk.wallet_update({bad})"), why);
    }
    fails("nk.wallets_update({ { user_id = context.user_id } })", "expects changeset to be supplied");
    fails("nk.wallets_update({ { changeset = { a = 1 } } })", "expects user_id to be a valid ID");
    fails("nk.wallets_update(nil)", "expects a valid set of updates");
    check("return tostring((nk.wallets_update({})))", "nil");
    for limit in [-1, 101] {
        fails(&format!("nk.wallet_ledger_list(context.user_id, {limit})"), "expects limit to be 0-100");
    }
    fails("nk.wallet_ledger_update('no id', {})", "expects a valid id");
    fails("nk.wallet_ledger_update(nk.uuid_v4(), nil)", "expects a table as metadata value");
}

#[test]
fn logs_return_their_message() {
    check(
        "return nk.logger_info(('%q'):format('INFO logger.')) .. nk.logger_warn('w') .. nk.logger_error('e') .. nk.logger_debug('d')",
        "\"INFO logger.\"wed",
    );
    fails("nk.logger_info('')", "expects message string");
}

#[test]
fn requests_are_off_unless_listed() {
    fails("nk.http_request('https://example.org/', 'get', {})", "the host example.org is not in the list");
    fails("nk.http_request('https://example.org/', 'brew', {})", "expects method to be one of");
    fails("nk.http_request('https://example.org/', 'get', {}, nil, 100, true)", "without a check of certificates");
}

#[test]
fn events_are_lines_in_the_log() {
    check("return select('#', nk.event('sold', { item = 'sword', price = '7' }, 1700000000, true)) .. ''", "0");
    check("nk.event('sold') nk.event('sold', nil, nil, false) return 'well'", "well");
    fails("nk.event('')", "bad argument #1 (expects name string)");
    fails("nk.event('x', { price = 7 })", "bad argument #2 (properties values must be strings)");
    fails("nk.event('x', { 'a' })", "bad argument #2 (properties keys must be strings)");
    fails("nk.event('x', {}, 'soon')", "bad argument #3 (number expected");
}

#[test]
fn what_nakamas_libraries_let_pass_passes() {
    check(
        "local t = { 3, 1, 2, 3, 1, 3, 2, 3 } table.sort(t, function(a, b) return a <= b end) return table.concat(t)",
        "11223333",
    );
    check(
        "local t, sum = {}, 0 for i = 1, 20000 do t[i] = i end table.sort(t, function() return true end)
         for _, v in ipairs(t) do sum = sum + v end return #t .. ' ' .. sum",
        "20000 200010000",
    );
    check("local ok, e = pcall(table.sort, { 2, 1 }, function() error({ 'mine' }) end) return tostring(ok) .. e[1]", "falsemine");
    check("local ok, e = pcall(table.sort, { 2, 'x' }) return type(e) .. tostring(e:find('compare') ~= nil)", "stringtrue");
    check(
        "local ok, e = pcall(math.random, 0) return 'failed: ' .. e",
        "failed: bad argument #1 to 'random' (interval is empty)",
    );
    check(
        "local ok, e = pcall(function() return math.random(5, 1) end) return e",
        "f.lua:3: bad argument #2 to 'random' (interval is empty)",
    );
    check("local ok, e = pcall(math.random, {}) return e", "bad argument #1 to 'random' (number expected)");
    check("return os.date('!%F %e %T %% %H', 0)", "1970-01-01 %e %T % 00");
    check("return os.date('!*t', 0).year .. os.date('!%d.%m.%Y', 0)", "197001.01.1970");
    check("return string.format('%s has %d of %s', 'ann', 3) .. ('%v %v'):format(1, true)", "ann has 3 of %!s(MISSING)1 true");
    check("local ok, e = pcall(function() return ('%d'):format('x') end) return tostring(e:find('^f.lua:3: ') ~= nil)", "true");
    check("return 'runs on ' .. _VERSION", "runs on Lua 5.1");
    check("return #payload .. payload:upper()", "7PAYLOAD");
}

#[test]
fn an_error_of_the_outermost_function_names_no_line_of_the_servers() {
    fails("error('boom', 2)", "boom");
    let text = "local nk = require('nakama') nk.register_rpc(function() error('boom', 2) end, 'f')";
    assert_eq!(start(&[("f.lua", text)]).rpc("f", "").expect_err("raised").message, "boom");
}
