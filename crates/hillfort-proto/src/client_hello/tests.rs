//! Fingerprints against what their inventors publish, and hostile bytes of every kind.

use super::records::RECORDS_MAX;
use super::*;

/// A ClientHello in the making.
#[derive(Clone)]
struct Making {
    version: u16,
    session_id: Vec<u8>,
    ciphers: Vec<u16>,
    compressions: Vec<u8>,
    /// `None`: no list at all.
    extensions: Option<Vec<(u16, Vec<u8>)>>,
}

fn ids(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|id| id.to_be_bytes()).collect()
}

fn vec8(body: &[u8]) -> Vec<u8> {
    [&[body.len() as u8][..], body].concat()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

fn server_name(name: &str) -> Vec<u8> {
    vec16(&[&[0][..], &vec16(name.as_bytes())].concat())
}

fn alpn(names: &[&[u8]]) -> Vec<u8> {
    vec16(&names.iter().flat_map(|name| vec8(name)).collect::<Vec<_>>())
}

impl Making {
    fn new() -> Self {
        Self { version: 0x0303, session_id: vec![7; 32], ciphers: vec![0x1301], compressions: vec![0], extensions: Some(vec![]) }
    }

    fn with(mut self, id: u16, body: Vec<u8>) -> Self {
        self.extensions.get_or_insert_default().push((id, body));
        self
    }

    fn body(&self) -> Vec<u8> {
        let mut body = [&self.version.to_be_bytes()[..], &[9; 32], &vec8(&self.session_id)].concat();
        body.extend(vec16(&ids(&self.ciphers)));
        body.extend(vec8(&self.compressions));
        if let Some(extensions) = &self.extensions {
            let list: Vec<u8> = extensions.iter().flat_map(|(id, body)| [&id.to_be_bytes()[..], &vec16(body)].concat()).collect();
            body.extend(vec16(&list));
        }
        body
    }

    fn wire(&self) -> Vec<u8> {
        record(&message(&self.body()))
    }

    fn look<T>(&self, look: impl FnOnce(&ClientHello<'_>) -> T) -> T {
        look(&read(&self.wire(), &mut Scratch::default()).unwrap().unwrap())
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &vec16(fragment)].concat()
}

/// The browser of the description of JA4, with the GREASE that such a browser sends.
fn browser() -> Making {
    let mut making = Making::new();
    making.ciphers = vec![
        0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F,
        0x0035,
    ];
    let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    for id in [
        0x3A3A, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B,
        0x000A, 0x0015, 0xFAFA,
    ] {
        let body = match id {
            0x0000 => server_name("example.com"),
            0x0010 => alpn(&[b"h2", b"http/1.1"]),
            0x000D => vec16(&ids(&algorithms)),
            0x002B => vec8(&ids(&[0x6A6A, 0x0304, 0x0303])),
            0x000B => vec8(&[0]),
            0x000A => vec16(&ids(&[0x8A8A, 29, 23, 24])),
            _ => vec![],
        };
        making = making.with(id, body);
    }
    making
}

#[test]
fn the_example_of_the_description_of_ja4() {
    browser().look(|hello| {
        assert_eq!(hello.ja4(Transport::Tcp).as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(hello.ja4(Transport::Quic).as_str(), "q13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(
            hello.ja4_raw(Transport::Tcp),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_\
             0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
             0403,0804,0401,0503,0805,0501,0806,0601"
        );
        assert_eq!(hello.server_name, Some("example.com"));
        assert_eq!(hello.alpn().collect::<Vec<_>>(), [&b"h2"[..], b"http/1.1"]);
        assert!(!hello.resumes);
    });
    // Without signature algorithms.
    let mut without = browser();
    without.extensions.as_mut().unwrap().iter_mut().find(|(id, _)| *id == 0x000D).unwrap().1 = vec![0, 0];
    without.look(|hello| assert_eq!(hello.ja4(Transport::Tcp).as_str(), "t13d1516h2_8daaf6152771_6d807ffa2a79"));
    // Shuffled, and with other GREASE.
    let mut shuffled = browser();
    shuffled.ciphers[0] = 0xDADA;
    shuffled.extensions.as_mut().unwrap().reverse();
    shuffled.look(|hello| assert_eq!(hello.ja4(Transport::Tcp).as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1"));
}

#[test]
fn each_part_of_a_ja4() {
    let check = |making: Making, expect: &str| {
        let ja4 = making.look(|hello| hello.ja4(Transport::Tcp));
        assert_eq!(&ja4.as_str()[..expect.len()], expect);
        assert_eq!(ja4.as_str().parse(), Ok(ja4));
    };
    let bare = || Making { ciphers: vec![], extensions: None, ..Making::new() };
    check(bare(), "t12i000000_000000000000_000000000000");
    check(Making { extensions: Some(vec![]), ..bare() }, "t12i000000_000000000000_000000000000");
    for (version, expect) in [
        (0x0304, "13"),
        (0x0303, "12"),
        (0x0302, "11"),
        (0x0301, "10"),
        (0x0300, "s3"),
        (0x0002, "s2"),
        (0xFEFD, "d2"),
        (0x0305, "00"),
    ] {
        check(Making { version, ..bare() }, &format!("t{expect}i"));
        check(bare().with(43, vec8(&ids(&[0x0A0A, version, 0x0002]))), &format!("t{expect}i"));
    }
    check(bare().with(43, vec8(&ids(&[0x2A2A]))), "t12i0001");
    check(Making { ciphers: (1..=99).collect(), ..bare() }, "t12i9900");
    check(Making { ciphers: (1..=512).collect(), ..bare() }, "t12i9900");
    let many = (100..228).fold(bare(), |making, id| making.with(id, vec![]));
    check(many, "t12i0099");
    for (names, expect) in [
        (&[][..], "00"),
        (&[&b""[..]], "00"),
        (&[b"h2", b"h3"], "h2"),
        (&[b"http/1.1"], "h1"),
        (&[b"0"], "00"),
        (&[b"\xAB"], "ab"),
        (&[b"\xAB\xCD"], "ad"),
        (&[b"0\xAB"], "3b"),
        (&[b"01\xAB\xCD"], "3d"),
        (&[b"0\xAB\xCD1"], "01"),
    ] {
        check(bare().with(16, alpn(names)), &format!("t12i0001{expect}_"));
    }
    // A list that does not fit the buffer at once is the same list.
    let long = Making { ciphers: (0..200).map(|n| 0xC000 + n).collect(), ..bare() };
    let text: Vec<_> = (0..200).map(|n| format!("{:04x}", 0xC000 + n)).collect();
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(text.join(","));
    let digits: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    check(long, &format!("t12i990000_{digits}_"));
}

#[test]
fn the_examples_of_the_description_of_ja3() {
    let check = |making: Making, text: &str, hash: &str| {
        making.look(|hello| {
            let mut written = Vec::new();
            hello.ja3_text(|part| written.extend_from_slice(part));
            assert_eq!(String::from_utf8(written).unwrap(), text);
            assert_eq!(hello.ja3().to_string(), hash);
            assert_eq!(hash.parse(), Ok(hello.ja3()));
        });
    };
    let old = |ciphers: &[u16]| Making { version: 769, ciphers: ciphers.to_vec(), extensions: None, ..Making::new() };
    let groups = old(&[47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4])
        .with(0, server_name("a"))
        .with(10, vec16(&ids(&[23, 24, 25])))
        .with(11, vec8(&[0]));
    check(groups, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", "ada70206e40642a3e4461f35503241d5");
    check(
        old(&[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]),
        "769,4-5-10-9-100-98-3-6-19-18-99,,,",
        "de350869b8c85de67a350c8d186f11e6",
    );
    // GREASE does not count.
    let mut grease = old(&[0x5A5A, 4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]);
    grease.extensions = Some(vec![(0x9A9A, vec![])]);
    check(grease, "769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6");
}

#[test]
fn text_that_is_no_fingerprint() {
    for text in [
        "",
        "t13d1516h2",
        "t13d1516h2_8daaf6152771_e5627efa2ab",
        "t13d1516h2_8daaf6152771_e5627efa2ab11",
        "t13d1516h2_8DAAF6152771_e5627efa2ab1",
        "t13d1516h2-8daaf6152771_e5627efa2ab1",
        "t13d1516h2_8daaf6152771-e5627efa2ab1",
        "t13d1516h\n_8daaf6152771_e5627efa2ab1",
    ] {
        assert_eq!(text.parse::<Ja4>(), Err(NotJa4), "{text}");
    }
    for text in ["", "ada70206e40642a3e4461f35503241d", "ada70206e40642a3e4461f35503241d55", "xda70206e40642a3e4461f35503241d5"] {
        assert_eq!(text.parse::<Ja3>(), Err(NotJa3), "{text}");
    }
}

#[test]
fn sessions_that_are_to_go_on() {
    let check = |making: Making, expect| making.look(|hello| assert_eq!(hello.resumes, expect));
    check(Making::new(), false);
    check(Making::new().with(35, vec![]), false);
    check(Making::new().with(35, vec![1; 180]), true);
    check(Making::new().with(41, vec![0; 40]), true);
}

#[test]
fn any_cut_of_bytes_and_records_reads_the_same() {
    let message = message(&browser().body());
    let mut scratch = Scratch::default();
    let whole = record(&message);
    let expect = browser().look(|hello| hello.ja4(Transport::Tcp));
    let mut ja4 = |wire: &[u8]| read(wire, &mut scratch).map(|hello| hello.map(|hello| hello.ja4(Transport::Tcp)));
    for end in 0..whole.len() {
        assert_eq!(ja4(&whole[..end]), Ok(None), "{end}");
    }
    for cut in 1..message.len() {
        let wire = [record(&message[..cut]), record(&message[cut..])].concat();
        assert_eq!(ja4(&wire), Ok(Some(expect)), "{cut}");
        assert_eq!(ja4(&wire[..wire.len() - 1]), Ok(None), "{cut}");
    }
    // What follows is not looked at: early data, or a second message in the same record.
    assert_eq!(ja4(&[&whole[..], &[23, 3, 3, 0, 1, 0]].concat()), Ok(Some(expect)));
    assert_eq!(ja4(&record(&[&message[..], &[0xFF; 9]].concat())), Ok(Some(expect)));
    let records = |count: usize| {
        let size = message.len().div_ceil(count);
        message.chunks(size).map(record).collect::<Vec<_>>()
    };
    let most = records(RECORDS_MAX);
    assert!((RECORDS_MAX - 3..=RECORDS_MAX).contains(&most.len()));
    assert_eq!(ja4(&most.concat()), Ok(Some(expect)));
    let bytes: Vec<_> = message.iter().map(|byte| record(&[*byte])).collect();
    assert_eq!(ja4(&bytes[..RECORDS_MAX - 1].concat()), Ok(None));
    assert_eq!(ja4(&bytes[..RECORDS_MAX + 1].concat()), Err(Reject::ClientHello));
}

#[test]
fn the_longest_and_one_byte_more() {
    let of_length = |wire: usize| {
        let empty = Making::new().with(21, vec![]).wire().len();
        Making::new().with(21, vec![0; wire - empty])
    };
    let longest = of_length(CLIENT_HELLO_BYTES_MAX).wire();
    assert_eq!(longest.len(), CLIENT_HELLO_BYTES_MAX);
    assert!(matches!(read(&longest, &mut Scratch::default()), Ok(Some(_))));
    assert_eq!(read(&longest[..longest.len() - 1], &mut Scratch::default()), Ok(None));
    let longer = of_length(CLIENT_HELLO_BYTES_MAX + 1).wire();
    // Told from the first nine bytes.
    assert_eq!(read(&longer[..9], &mut Scratch::default()), Err(Reject::ClientHello));
    // In records, each of which is short enough.
    let message = message(&of_length(CLIENT_HELLO_BYTES_MAX - 5).body());
    let (one, two) = message.split_at(9_000);
    assert!(matches!(read(&[record(one), record(two)].concat(), &mut Scratch::default()), Ok(Some(_))));
}

#[test]
fn hostile_bytes_are_refused_as_soon_as_they_are_there() {
    let check = |wire: &[u8]| assert_eq!(read(wire, &mut Scratch::default()), Err(Reject::ClientHello), "{wire:02x?}");
    check(b"G");
    check(&crate::hello::MAGIC);
    check(&[22, 2]);
    check(&[22, 3, 1, 0, 0]);
    check(&[22, 3, 1, 0x40, 0]);
    check(&[22, 3, 1, 0, 9, 2]); // a ServerHello
    check(&[22, 3, 1, 0, 9, 1, 1, 0, 0]); // 64 KiB
    let body = Making::new().body();
    for end in 0..body.len() {
        // At 74 the extensions are left out, which is allowed.
        if end != body.len() - 2 {
            check(&record(&message(&body[..end])));
        }
    }
    check(&record(&message(&[&body[..], &[0]].concat())));
    check(&Making { session_id: vec![0; 33], ..Making::new() }.wire());
    check(&Making { compressions: vec![], ..Making::new() }.wire());
    check(&Making { ciphers: vec![1; CIPHERS_MAX + 1], ..Making::new() }.wire());
    check(&(100..229).fold(Making::new(), |making, id| making.with(id, vec![])).wire());
    for (id, body) in [
        (0, vec![]),
        (0, vec![0, 0]),
        (0, server_name("")),
        (0, server_name(&"a".repeat(256))),
        (0, server_name("a b")),
        (0, server_name("ä")),
        (0, [server_name("a"), vec![0]].concat()),
        (0, vec16(&[0, 0, 1, b'a', 0, 0, 1, b'b'])),
        (0, vec16(&[1, 0, 1, b'a'])),
        (10, vec![0, 3, 0, 1, 2]),
        (11, vec![2, 0]),
        (13, vec![0]),
        (16, vec16(&[3, b'h'])),
        (43, vec![3, 3, 4, 3]),
    ] {
        check(&Making::new().with(id, body).wire());
    }
    for id in [0, 10, 11, 13, 16, 35, 41, 43] {
        let body = |id| match id {
            0 => server_name("a"),
            11 | 43 => vec![0],
            35 | 41 => vec![],
            _ => vec![0, 0],
        };
        let once = Making::new().with(id, body(id));
        once.look(|_| ());
        check(&once.with(id, body(id)).wire());
    }
}
