//! Good and bad configurations, each mistake with the text that a person reads.

use super::*;
use hillfort_proto::hello::{AppId, KeyId};
use std::collections::BTreeMap;
use std::time::Duration;

const OWN_KEY: &str = "[[keys]]\napp = 2\nkey = 3\nsecret_hex = \"000102030405060708090a0b0c0d0e0f\"\n";

/// Files that a test gives.
struct Given(BTreeMap<&'static str, String>);

impl Files for Given {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        text.map(|text| text.clone().into_bytes()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn load_all(file: &str, env: &[(&str, &str)], set: &[(&str, &str)]) -> Result<Settings, String> {
    let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>();
    let files = Given([("hillfort.toml", file.to_owned()), ("secret", "ff".repeat(32) + "\n"), ("cert.pem", "C".into())].into());
    load(&Overrides { file: None, set: own(set) }, own(env), &files).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(file: &str, expect: &str) {
    assert_eq!(load_all(file, &[], &[]).expect_err(file), expect, "{file}");
}

#[test]
fn the_defaults_are_development_on_loopback() {
    let settings = load(&Overrides::default(), [], &Given(BTreeMap::new())).unwrap();
    assert!(settings.development && settings.console.attacks && settings.banner().is_some());
    assert_eq!(settings.edge.http_addr.to_string(), "127.0.0.1:7350");
    assert_eq!(settings.edge.frames_addr.to_string(), "127.0.0.1:7352");
    assert_eq!(settings.console.addr.to_string(), "127.0.0.1:7351");
    assert_eq!((settings.edge.guard.connect.per_s(), settings.edge.guard.connect.burst()), (3_000, 5_000));
    assert_eq!(settings.edge.guard.ban.max, Duration::from_secs(600));
    assert_eq!(settings.edge.guard.open_max, 124_096);
    assert_eq!(settings.data_folder, Path::new("./data"));
    assert_eq!((settings.store.url.as_str(), settings.store.options.connections), ("sqlite:./data/hillfort.db", 16));
    assert_eq!((settings.games_folder, settings.world_threads, settings.rooms_max), (None, 1, 20_000));
    assert_eq!((settings.asleep_bytes_max, settings.save_every), (64 << 20, Some(Duration::from_secs(30))));
    assert_eq!(settings.keys.iter().map(Key::secret_hex).collect::<Vec<_>>(), [DEVELOPMENT_SECRET_HEX]);
}

#[test]
fn the_later_layer_wins() {
    let file = "[edge]\ntcp_port = 1000\nhttp_port = 1001\n[guard]\nban_s = 5\n";
    let env =
        [("HILLFORT_EDGE__TCP_PORT", "2000"), ("HILLFORT_EDGE__HTTP_PORT", "2001"), ("HILLFORT_LOAD_APP", "9"), ("HOME", "/")];
    let settings = load_all(file, &env, &[("edge.tcp_port", "3000")]).unwrap();
    assert_eq!((settings.edge.frames_addr.port(), settings.edge.http_addr.port()), (3000, 2001));
    assert_eq!(settings.edge.guard.ban.max, Duration::from_secs(5));
}

#[test]
fn every_type_can_be_set_by_text() {
    let set = [
        ("data.folder", "/var/lib/hillfort"),
        ("console.attacks", "false"),
        ("guard.trusted", "[\"10.0.0.0/8\", \"::1\"]"),
        ("world.threads", "1_0"),
        ("store.url", "postgres://me:secret@db/hillfort"),
        ("keys", "[{ app = 1, key = 7, secret_file = \"secret\" }]"),
    ];
    let settings = load_all("", &[], &set).unwrap();
    assert_eq!(settings.data_folder, Path::new("/var/lib/hillfort"));
    assert!(!settings.console.attacks);
    assert_eq!(settings.edge.guard.trusted.len(), 2);
    assert_eq!(settings.world_threads, 10);
    assert_eq!(settings.store.url, "postgres://me:secret@db/hillfort");
    assert!(!format!("{settings:?}").contains("me:secret") && !settings.print().contains("me:secret"));
    assert_eq!(settings.keys, [Key { app: AppId(1), key: KeyId(7), secret: vec![0xff; 32] }]);
}

#[test]
fn no_login_may_take_longer_than_its_session_waits() {
    let longest = u64::try_from(hillfort_proto::limits::LOGIN_WAIT.as_millis()).unwrap();
    assert_eq!(limits::find("edge.login_ms_max").unwrap().max, longest);
    let limits = [
        ("edge.sessions_max", "12000000"),
        ("edge.connections_max", "4000000"),
        ("edge.pending_bytes_max", "67108864"),
        ("edge.outbound_bytes_max", "68719476736"),
    ];
    let settings = load_all(&format!("{OWN_KEY}[edge]\ntcp_port = 0\nhttp_port = 0"), &[], &limits).unwrap();
    assert!(hillfort_edge::Edge::bind(settings.edge).is_ok(), "what the configuration allows the edge takes");
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    for (file, expect) in [
        ("[edge]\ntcp_prot = 1", "unknown key edge.tcp_prot in hillfort.toml; did you mean edge.tcp_port?"),
        ("[gaurd]\nban_s = 1", "unknown key gaurd.ban_s in hillfort.toml; did you mean guard.ban_s?"),
        ("tcp_port = 1", "unknown key tcp_port in hillfort.toml; did you mean edge.tcp_port?"),
        ("[console]\ntcp_port = 1", "unknown key console.tcp_port in hillfort.toml; did you mean edge.tcp_port?"),
        ("[gaurd]", "unknown key gaurd in hillfort.toml"),
        ("[database]\nurl = \"x\"", "unknown key database.url in hillfort.toml; did you mean store.url?"),
        ("guard = 5", "guard in hillfort.toml: this is a section: [guard]"),
        (
            "[[keys]]\napp = 1\nkey = 1\nsecret = \"00\"",
            "unknown key keys.secret in hillfort.toml; did you mean keys.secret_hex?",
        ),
    ] {
        refused(file, expect);
    }
    let by_env = load_all("", &[("HILLFORT_EDGE__TCP_PROT", "1")], &[]).unwrap_err();
    assert_eq!(by_env, "unknown key edge.tcp_prot in HILLFORT_EDGE__TCP_PROT; did you mean edge.tcp_port?");
    let by_flag = load_all("", &[], &[("log.fromat", "json")]).unwrap_err();
    assert_eq!(by_flag, "unknown key log.fromat in --set; did you mean log.format?");
}

#[test]
fn wrong_types_are_named_with_what_is_expected() {
    for (file, expect) in [
        ("[edge]\ntcp_port = \"7352\"", "edge.tcp_port = \"7352\" in hillfort.toml: a whole number from 0 to 65535 is expected"),
        ("[guard]\nban_s = 1.5", "guard.ban_s = 1.5 in hillfort.toml: a whole number from 1 to 31536000 is expected"),
        ("[console]\nattacks = 1", "console.attacks = 1 in hillfort.toml: true or false is expected"),
        ("[data]\nfolder = 1", "data.folder = 1 in hillfort.toml: a text is expected"),
        ("[guard]\ntrusted = [1]", "guard.trusted = [1] in hillfort.toml: a list of texts is expected"),
        ("keys = [1]", "keys = 1 in hillfort.toml: a list of tables, [[keys]] is expected"),
        ("[[keys]]\napp = 1\nkey = 1\nsecret_hex = 12", "keys.secret_hex in hillfort.toml: a text is expected"),
    ] {
        refused(file, expect);
    }
    let by_env = load_all("", &[("HILLFORT_GUARD__BAN_S", "ten")], &[]).unwrap_err();
    assert_eq!(by_env, "guard.ban_s = \"ten\" in HILLFORT_GUARD__BAN_S: a whole number from 1 to 31536000 is expected");
}

#[test]
fn ranges_are_checked_at_their_edges() {
    for limit in LIMITS.iter().filter(|limit| !limit.key.starts_with("keys.")) {
        let with = |value: i128| {
            // What a limit needs beside it so that it can take its whole range.
            let others =
                [("guard.offence_points_forgiven_per_s", "5000"), ("guard.connect_per_s", "200000"), ("edge.unproven_max", "1")];
            let others = others.into_iter().filter(|(key, _)| *key != limit.key);
            let per_s = limit.key.replace("_burst", "_per_s");
            let mut set: Vec<_> = others.collect();
            if per_s != limit.key && limit.key != "guard.connect_burst" && limits::find(&per_s).is_some() {
                set.push((&per_s, "10000"));
            }
            let value = value.to_string();
            set.push((limit.key, &value));
            if limit.key == "edge.unproven_max" {
                set.push(("edge.connections_max", "4000000"));
            }
            let bounds: Vec<_> = pairs::PAIRS
                .iter()
                .filter(|pair| pair.small.0 == limit.key)
                .map(|pair| (pair.large.0, limits::find(pair.large.0).unwrap().max.to_string()))
                .collect();
            set.extend(bounds.iter().map(|(key, max)| (*key, max.as_str())));
            load_all("", &[], &set).err().filter(|error| error.starts_with(limit.key))
        };
        assert_eq!(with(limit.min.into()), None);
        assert_eq!(with(limit.max.into()), None);
        let expected = format!("a whole number from {} to {} is expected", limit.min, limit.max);
        for outside in [i128::from(limit.min) - 1, i128::from(limit.max) + 1] {
            assert_eq!(with(outside), Some(format!("{} = {outside} in --set: {expected}", limit.key)));
        }
    }
}

#[test]
fn settings_that_do_not_fit_together_are_refused_with_what_to_do() {
    for pair in pairs::PAIRS {
        let ((small, unit), (large, large_unit)) = (pair.small, pair.large);
        let limit = |key: &str| limits::find(key).map(|limit| (limit.min as i64, limit.max as i64)).unwrap();
        // The largest that fits beside the smallest, and one more.
        let bound = limit(large).0.max((limit(small).0 * unit + large_unit - 1) / large_unit);
        let most = bound * large_unit / unit;
        let with = |value: i64| {
            let (value, bound) = (value.to_string(), bound.to_string());
            // Others may not fit to these.
            load_all("", &[], &[(small, &value), (large, &bound)]).err().unwrap_or_default()
        };
        let wanted = format!("{small} in --set: {} is too much beside {large} = {bound}: ", most + 1);
        let advice = format!(". Lower it to {most}, or raise {large} to ");
        let told = with(most + 1);
        assert!(told.lines().any(|line| line.starts_with(&wanted) && line.contains(&advice)), "{wanted}\n{told}");
        assert!(!with(most).contains(&format!("{small} in --set: {most} is too much beside {large} = ")), "{small}");
    }
    refused(
        "[nakama]\nobject_bytes_max = 262145",
        "nakama.object_bytes_max in hillfort.toml: 262145 is too much beside nakama.request_bytes_max = 262144: no request could bring such an \
         object. Lower it to 262144, or raise nakama.request_bytes_max to 262145",
    );
    refused(
        "[socket]\nqueue_bytes_max = 1048575",
        "modules.result_bytes_max in default: 1048576 is too much beside socket.queue_bytes_max = 1048575: a client on the socket would be \
         closed as too slow for such an answer. Lower it to 1048575, or raise socket.queue_bytes_max to 1048576",
    );
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (file, expect) in [
        (
            "[edge]\naddress = \"localhost\"",
            "edge.address = \"localhost\" in hillfort.toml: an IP address as 127.0.0.1, 0.0.0.0 or ::1 is expected",
        ),
        (
            "[edge]\nunproven_max = 60001",
            "edge.unproven_max = 60001 in hillfort.toml: at most edge.connections_max = 60000 is expected",
        ),
        ("[edge]\ntls_key = \"cert.pem\"", "edge.tls_key in hillfort.toml: it is of no use without edge.tls_certificate"),
        ("[edge]\ntls_certificate = \"cert.pem\"", "edge.tls_certificate in hillfort.toml: it is of no use without edge.tls_key"),
        (
            "[edge]\ntls_certificate = \"cert.pem\"\ntls_key = \"none.pem\"",
            "edge.tls_key in hillfort.toml: none.pem cannot be read: entity not found",
        ),
        (
            "[guard]\nsource_connect_per_s = 1\nsource_connect_burst = 10000",
            "guard.source_connect_burst = 10000 in hillfort.toml: with 1 a second: the burst must be at least 1 and at most two hours' worth \
             of the rate; that is expected",
        ),
        (
            "[guard]\ntrusted = [\"10.0.0.0/33\"]",
            "guard.trusted = \"10.0.0.0/33\" in hillfort.toml: a prefix as 10.0.0.0/8 or 2001:db8::/32, or an address is expected",
        ),
        (
            "[guard]\nunbannable = [\"::ffff:10.0.0.0/104\"]",
            "guard.unbannable = \"::ffff:10.0.0.0/104\" in hillfort.toml: a prefix as 10.0.0.0/8 or 2001:db8::/32, or an address is expected",
        ),
        (
            "[regions]\nrefuse = [\"Europe\"]",
            "regions.refuse = \"Europe\" in hillfort.toml: a network as \"AS64500\" or a country as \"XA\" is expected",
        ),
        ("[regions]\nallow = [\"XA\"]", "regions.files in default: without a file no address has a network or a country"),
        ("[tls]\nrefuse_ja4 = [\"t13d\"]", "tls.refuse_ja4 = \"t13d\" in hillfort.toml: a JA4 of 36 characters is expected"),
        (
            "[kernel]\nfilter = \"xdp\"",
            "kernel.filter = \"xdp\" in hillfort.toml: one of auto, off, native, generic, socket is expected",
        ),
        (
            "[edge]\ntls_self_signed = true\n[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"000102030405060708090a0b0c0d0e0f\"",
            "edge.tls_self_signed in hillfort.toml: a certificate that signs itself is for development mode alone",
        ),
        ("[nakama]\nsigned = [\"sign_in\"]", "nakama.signed in hillfort.toml: \"sign_in\": who signs in has no session yet"),
        (
            "[nakama]\nroute_aliases = \"yes\"",
            "nakama.route_aliases = \"yes\" in hillfort.toml: one of off, on, only is expected",
        ),
        (
            "[accounts]\nsteam_url = \"http://gateway.example\"",
            "accounts.steam_url = \"http://gateway.example\" in hillfort.toml: an address as https://example.org/keys, or http:// on this machine is expected",
        ),
        (
            "[accounts]\napple_keys_url = \"\"",
            "accounts.apple_keys_url = \"\" in hillfort.toml: an address as https://example.org/keys, or http:// on this machine is expected",
        ),
        ("[accounts]\nauthorities = \"no.pem\"", "accounts.authorities in hillfort.toml: no.pem cannot be read"),
        ("[mail]\nway = \"post\"", "mail.way = \"post\" in hillfort.toml: one of none, folder, smtp is expected"),
        ("[mail]\nway = \"smtp\"\nfrom = \"a@b.c\"", "mail.host in default: mail.way = \"smtp\" needs it"),
        ("[modules]\nunsupported = \"skip\"", "modules.unsupported = \"skip\" in hillfort.toml: one of refuse, warn is expected"),
        ("[modules]\nenv = [\"place\"]", "modules.env in hillfort.toml: NAME=VALUE is expected"),
        ("[modules]\nenv = [\"(hidden)\"]", "modules.env in hillfort.toml: the values were hidden when this was printed"),
        ("[log]\nformat = \"xml\"", "log.format = \"xml\" in hillfort.toml: one of text, json is expected"),
        (
            "[log]\nfilter = \"\"",
            "log.filter = \"\" in hillfort.toml: a filter as \"info\" or \"info,hillfort_edge=debug\" is expected",
        ),
        (
            "[log]\nfilter = \"a=b=c\"",
            "log.filter = \"a=b=c\" in hillfort.toml: a filter as \"info\" or \"info,hillfort_edge=debug\" is expected",
        ),
        ("[data]\nfolder = \"\"", "data.folder = \"\" in hillfort.toml: the path of a folder is expected"),
        ("keys = []", "keys in hillfort.toml: at least one key is needed, else nobody gets in"),
        (
            "[[keys]]\nkey = 1\nsecret_hex = \"00\"",
            "keys.app = nothing in hillfort.toml: a whole number from 0 to 4294967295 is expected",
        ),
        (
            "[[keys]]\napp = 1\nkey = 65536\nsecret_hex = \"00\"",
            "keys.key = 65536 in hillfort.toml: a whole number from 0 to 65535 is expected",
        ),
        ("[[keys]]\napp = 1\nkey = 1", "keys.secret_hex in hillfort.toml: a key needs a secret: secret_hex or secret_file"),
        ("[edge", "hillfort.toml is not TOML: line 1: unclosed table, expected `]`"),
    ] {
        let error = load_all(file, &[], &[]).expect_err(file);
        assert!(error.starts_with(expect), "{file}\n{error}\n{expect}");
    }
}

#[test]
fn budgets_without_a_file_are_those_of_the_crate_and_with_one_its_own() {
    let of = |set: &[(&str, &str)]| load_all("", &[], set).unwrap().services.social;
    let (ours, theirs) = (of(&[]), hillfort_social::Config::default());
    assert_eq!((ours.budgets, ours.guesses, ours.payloads), (theirs.budgets, theirs.guesses, theirs.payloads));
    assert_eq!(ours.reset.allowance, theirs.reset.allowance);
    let set = of(&[
        ("budgets.account_write_burst", "7"),
        ("budgets.account_write_per_min", "60000"),
        ("budgets.guess_pair_per_h", "1"),
    ]);
    let allowance = hillfort_social::limits::Allowance::new;
    assert_eq!(set.budgets.account[hillfort_social::Class::Write as usize], allowance(7, 1));
    assert_eq!(set.guesses.pair, allowance(5, 3_600_000));
    refused(
        "[budgets]\naccount_wirte_burst = 1",
        "unknown key budgets.account_wirte_burst in hillfort.toml; did you mean budgets.account_write_burst?",
    );
}

#[test]
fn secrets_are_refused_without_being_shown() {
    for (secret, expect) in [
        ("secret_hex = \"001122\"", "keys in hillfort.toml: app 1 key 1: a secret has at least 16 bytes"),
        (
            "secret_hex = \"xyzxyz\"",
            "keys.secret_hex in hillfort.toml: the secret is not hexadecimal: make one by `openssl rand -hex 32`",
        ),
        ("secret_file = \"none\"", "keys.secret_file in hillfort.toml: none cannot be read: entity not found"),
        ("secret_hex = \"(hidden)\"", "keys.secret_hex in hillfort.toml: `config print` hides secrets: put the secret back"),
        (
            "secret_hex = \"abcdef\"\nsecret_file = \"secret\"",
            "keys.secret_hex in hillfort.toml: there are secret_hex and secret_file: one of them is enough",
        ),
    ] {
        let error = load_all(&format!("[[keys]]\napp = 1\nkey = 1\n{secret}"), &[], &[]).unwrap_err();
        assert!(error.starts_with(expect), "{error}\n{expect}");
        assert!(!error.contains("001122") && !error.contains("xyzxyz") && !error.contains("abcdef"), "{error}");
    }
    refused(&format!("{OWN_KEY}{OWN_KEY}"), "keys in hillfort.toml: app 2 key 3 is there twice");
    let broken = load_all("[[keys]]\nsecret_hex = \"deadbeef", &[], &[]).unwrap_err();
    assert!(broken.starts_with("hillfort.toml is not TOML: line 2") && !broken.contains("deadbeef"), "{broken}");
}

#[test]
fn a_public_address_needs_a_key_of_ones_own() {
    for (key, address, fits) in [
        ("edge.address", "0.0.0.0", false),
        ("edge.address", "::", false),
        ("edge.address", "192.168.1.10", false),
        ("edge.address", "::ffff:8.8.8.8", false),
        ("console.address", "0.0.0.0", false),
        ("edge.address", "127.0.0.2", true),
        ("edge.address", "::1", true),
        ("edge.address", "::ffff:127.0.0.1", true),
    ] {
        let development = load_all("", &[], &[(key, address)]);
        assert_eq!(development.is_ok(), fits, "{key} = {address}");
        if let Err(error) = development {
            assert!(error.starts_with(&format!("{key} in --set: {address} is an address for others")), "{error}");
            assert!(error.contains("openssl rand -hex 32"), "it says what to do: {error}");
        }
        let nakama = "[nakama]\nserver_key = \"ours\"\nhttp_key = \"\"\n";
        let own = load_all(&format!("{nakama}{OWN_KEY}"), &[], &[(key, address)]).unwrap();
        assert!(!own.development && !own.console.attacks && own.bots == 0 && own.banner().is_none());
    }
}

#[test]
fn the_keys_that_nakama_ships_with_stay_on_this_machine() {
    let error = load_all(OWN_KEY, &[], &[("edge.address", "0.0.0.0")]).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    for (line, key) in lines.iter().zip(["nakama.server_key", "nakama.http_key"]) {
        assert!(line.starts_with(&format!("{key} in default: everybody knows its default")), "{line}");
    }
    assert!(load_all(OWN_KEY, &[], &[("edge.address", "127.0.0.1")]).is_ok());
    assert_eq!(load_all("", &[], &[]).unwrap().services.social.server_key, "defaultkey");
}

#[test]
fn secrets_of_services_are_hidden_unless_they_are_defaults() {
    let file = "[nakama]\nserver_key = \"very-own\"\n[store]\nurl = \"postgres://u:secret@h/d\"\n[mail]\npassword = \"pass\"\n\
                [modules]\nenv = [\"key=api-secret\"]\n";
    let settings = load_all(file, &[], &[]).unwrap();
    let printed = settings.print();
    for secret in ["very-own", "secret@", "pass\"", "api-secret"] {
        assert!(!printed.contains(secret) && !format!("{settings:?}").contains(secret), "{secret}\n{printed}");
    }
    assert!(printed.contains("server_key = \"(hidden)\"") && printed.contains("http_key = \"defaulthttpkey\""), "{printed}");
}

#[test]
fn the_development_key_beside_an_own_one_is_development_still() {
    let file = format!("{OWN_KEY}[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"{DEVELOPMENT_SECRET_HEX}\"\n");
    assert!(load_all(&file, &[], &[]).unwrap().development);
    assert!(load_all(&file, &[], &[("edge.address", "0.0.0.0")]).is_err());
}

#[test]
fn all_problems_are_told_at_once() {
    let error = load_all("[edge]\ntcp_prot = 1\ntcp_port = \"x\"\n[log]\nlevel = 1", &[], &[]).unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
    let error = load_all("[edge]\nunproven_max = 70000\naddress = \"x\"\n[log]\nformat = \"x\"", &[], &[]).unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn a_named_file_must_be_there() {
    let overrides = Overrides { file: Some("other.toml".into()), set: Vec::new() };
    let error = load(&overrides, [], &Given(BTreeMap::new())).unwrap_err();
    assert_eq!(error.to_string(), "other.toml cannot be read: entity not found");
}

#[test]
fn what_is_printed_can_be_read_again_and_changes_nothing() {
    let printed = load_all("", &[], &[]).unwrap().print();
    let again = load_all(&printed, &[], &[]).unwrap();
    assert_eq!(again.print().replace("# hillfort.toml", "# default"), printed);
    let comments = |text: &str| text.lines().filter(|line| line.starts_with("# ")).count();
    assert_eq!(comments(&printed), comments(DEFAULT), "every comment is there");
}

#[test]
fn what_is_printed_says_where_values_come_from_and_hides_secrets() {
    let settings =
        load_all(&format!("[guard]\nban_s = 5\n{OWN_KEY}"), &[("HILLFORT_BOTS__HILLTOP", "1")], &[("edge.tcp_port", "9")])
            .unwrap();
    let printed = settings.print();
    for line in [
        "ban_s = 5  # hillfort.toml",
        "hilltop = 1  # HILLFORT_BOTS__HILLTOP",
        "tcp_port = 9  # --set",
        "http_port = 7350  # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert!(printed.contains("secret_hex = \"(hidden)\"") && printed.contains("app = 2"));
    assert!(!printed.contains("000102030405"), "{printed}");
    assert!(!format!("{settings:?}").contains("000102030405"), "nor does the debug form tell");
}

#[test]
fn the_reference_is_complete() {
    let defaults = Layers::defaults();
    let mut above = String::new();
    for line in DEFAULT.lines().take_while(|line| *line != "[[keys]]") {
        if line.starts_with('#') {
            above.push_str(line);
        } else if line.is_empty() {
            above.clear();
        } else if let Some((name, value)) = line.split_once(" = ") {
            let mut of_line =
                LIMITS.iter().filter(|limit| limit.key.rsplit('.').next() == Some(name) && !limit.key.starts_with("keys."));
            let limit = of_line.find(|limit| defaults.get(limit.key).is_some_and(|default| default.to_string() == value));
            assert!(["live", "restart", "reload"].iter().any(|when| above.contains(when)), "{name}: live, reload or restart?");
            if value.parse::<u64>().is_ok() {
                let limit = limit.unwrap_or_else(|| panic!("{name} has no limit"));
                assert!(
                    above.contains(&format!("{} to {}", limit.min, limit.max)),
                    "{}: the comment states its range",
                    limit.key
                );
                assert_eq!(above.contains("live"), limit.live, "{}", limit.key);
            }
        } else {
            above.clear();
        }
    }
    for limit in LIMITS.iter().filter(|limit| !limit.key.starts_with("keys.")) {
        assert!(defaults.get(limit.key).is_some(), "{} is in default.toml", limit.key);
    }
}
