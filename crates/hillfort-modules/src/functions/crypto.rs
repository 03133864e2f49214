//! Hashes, ciphers and signatures. The algorithms are crates'; owned here is how they are put together: AES in CFB mode with the vector in front, and
//! tokens, as Nakama's functions do it. bcrypt runs on another thread.

use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use aes::{Aes128, Aes256, Block};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use sha2::Sha256;

use super::check::{filled, filled_text, wrong};
use super::codes::hexadecimal;
use super::{Function, Outcome, Runs, limits, one, row, text};
use crate::desk::{Desk, Want};
use crate::json;
use crate::work::Work;

const BLOCK: usize = 16;
/// bcrypt looks at so many bytes.
const SECRET_BYTES_MAX: usize = 72;
/// What a signature costs.
const SIGN_STEPS: u32 = 20_000;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "md5_hash",
        "string",
        "string",
        "MD5 in hexadecimal. Not for secrets.",
        Runs::Here(|_, charge, a| hashed::<Md5>(charge, a)),
    ),
    row("sha256_hash", "string", "string", "SHA-256 in hexadecimal.", Runs::Here(|_, charge, a| hashed::<Sha256>(charge, a))),
    row("hmac_sha256_hash", "string, key", "bytes", "HMAC with SHA-256.", Runs::Here(hmac_sha256)),
    row(
        "rsa_sha256_hash",
        "string, key",
        "bytes",
        "RSA signature (PKCS #1 v1.5) of the SHA-256. `key`: PEM, PKCS #1, 2048 bits or more.",
        Runs::Here(rsa_sha256),
    ),
    row(
        "aes128_encrypt",
        "string, key",
        "bytes",
        "AES in CFB mode with a random vector in front. `key`: 16 bytes. The text is filled with blanks to a length that 4 divides.",
        Runs::Here(|d, c, a| encrypt(d, c, a, 16)),
    ),
    row("aes128_decrypt", "bytes, key", "string", "What `aes128_encrypt` made.", Runs::Here(|_, c, a| decrypt(c, a, 16))),
    row(
        "aes256_encrypt",
        "string, key",
        "bytes",
        "As `aes128_encrypt`. `key`: 32 bytes.",
        Runs::Here(|d, c, a| encrypt(d, c, a, 32)),
    ),
    row("aes256_decrypt", "bytes, key", "string", "What `aes256_encrypt` made.", Runs::Here(|_, c, a| decrypt(c, a, 32))),
    row(
        "bcrypt_hash",
        "string",
        "string",
        "bcrypt with cost 10; at most 72 bytes.",
        Runs::Elsewhere("a thread for secrets", bcrypt_hash),
    ),
    row(
        "bcrypt_compare",
        "hash, string",
        "boolean",
        "Whether a text has this hash.",
        Runs::Elsewhere("a thread for secrets", bcrypt_compare),
    ),
    row(
        "jwt_generate",
        "algorithm, key, claims",
        "string",
        "A JSON Web Token. `algorithm`: `HS256`, or `RS256` with a PEM key (PKCS #8).",
        Runs::Here(jwt_generate),
    ),
];

fn hashed<H: sha2::Digest>(charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects input string")?;
    charge.bytes(input.len() * 4);
    Ok(one(text(hexadecimal(&H::digest(&input)))))
}

fn mac(key: &[u8], input: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of any length");
    mac.update(input);
    mac.finalize().into_bytes().to_vec()
}

fn hmac_sha256(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects input string")?;
    let key = filled(arguments, 2, "expects key string")?;
    charge.bytes((input.len() + key.len()) * 4);
    Ok(one(text(mac(&key, &input))))
}

fn sign(key: Result<ring::rsa::KeyPair, String>, input: &[u8]) -> Result<Vec<u8>, HostError> {
    let key = key.map_err(|error| HostError(format!("error parsing key: {error}")))?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), input, &mut signature)
        .map_err(|_| HostError("error signing input".to_owned()))?;
    Ok(signature)
}

fn rsa_sha256(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects input string")?;
    let key = filled(arguments, 2, "expects key string")?;
    charge.steps(SIGN_STEPS);
    let key = PrivatePkcs1KeyDer::from_pem_slice(&key).map_err(|error| error.to_string());
    let key = key.and_then(|key| ring::rsa::KeyPair::from_der(key.secret_pkcs1_der()).map_err(|error| error.to_string()));
    sign(key, &input).map(|signature| one(text(signature)))
}

enum Cipher {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

impl Cipher {
    fn new(key: &[u8], size: usize) -> Result<Self, HostError> {
        let short = || Aes128::new_from_slice(key).map(|cipher| Self::Short(Box::new(cipher)));
        let long = || Aes256::new_from_slice(key).map(|cipher| Self::Long(Box::new(cipher)));
        let cipher = if size == 16 { short() } else { long() };
        cipher.map_err(|_| wrong(2, &format!("expects key {size} bytes long")))
    }

    fn block(&self, block: &[u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Block::from(*block);
        match self {
            Self::Short(cipher) => cipher.encrypt_block(&mut block),
            Self::Long(cipher) => cipher.encrypt_block(&mut block),
        }
        block.into()
    }

    /// Cipher feedback over whole blocks (NIST SP 800-38A, 6.3); the last one may be shorter.
    fn feedback(&self, vector: &[u8; BLOCK], data: &mut [u8], encrypts: bool) {
        let mut last = *vector;
        for part in data.chunks_mut(BLOCK) {
            let pad = self.block(&last);
            let before: Vec<u8> = part.to_vec();
            part.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
            let coded = if encrypts { &*part } else { &before };
            last[..coded.len()].copy_from_slice(coded);
        }
    }
}

fn encrypt(desk: &mut Desk, charge: &Charge<'_>, arguments: &Arguments, size: usize) -> Result<Values, HostError> {
    let mut data = filled(arguments, 1, "expects string")?;
    let cipher = Cipher::new(&arguments.bytes(2)?, size)?;
    charge.bytes(data.len() * 4);
    data.resize(data.len().next_multiple_of(4), b' ');
    let mut out = [0; BLOCK];
    desk.fill_random(&mut out)?;
    cipher.feedback(&out, &mut data, true);
    Ok(one(text([&out[..], &data].concat())))
}

fn decrypt(charge: &Charge<'_>, arguments: &Arguments, size: usize) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects string")?;
    let cipher = Cipher::new(&arguments.bytes(2)?, size)?;
    charge.bytes(input.len() * 4);
    let Some((vector, data)) = input.split_first_chunk::<BLOCK>() else {
        return Err(HostError("input too short".to_owned()));
    };
    let mut data = data.to_vec();
    cipher.feedback(vector, &mut data, false);
    Ok(one(text(data)))
}

fn secret(arguments: &Arguments, place: usize) -> Result<Vec<u8>, HostError> {
    let secret = filled(arguments, place, "expects string")?;
    if secret.len() > SECRET_BYTES_MAX {
        return Err(HostError(format!("error hashing input: bcrypt takes at most {SECRET_BYTES_MAX} bytes")));
    }
    Ok(secret)
}

fn bcrypt_hash(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    Outcome::later(Want::work(Work::Hash { secret: secret(arguments, 1)? }))
}

fn bcrypt_compare(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let hash = filled_text(arguments, 1, "expects string")?;
    Outcome::later(Want::work(Work::Compare { hash, secret: secret(arguments, 2)? }))
}

fn jwt_generate(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let algorithm = filled_text(arguments, 1, "expects string")?;
    if !matches!(algorithm.as_str(), "HS256" | "RS256") {
        return Err(wrong(1, "unsupported algo type - only allowed 'HS256', 'RS256'."));
    }
    let key = filled(arguments, 2, "expects string")?;
    let claims = match arguments.table(3, limits())? {
        claims @ Data::Map(_) => json::to_text(&claims).map_err(|error| HostError(format!("failed to sign token: {error}")))?,
        _ => return Err(wrong(3, "expects a table of claims by name")),
    };
    let head = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    charge.bytes(signed.len() * 4);
    let signature = if algorithm == "HS256" {
        mac(&key, signed.as_bytes())
    } else {
        charge.steps(SIGN_STEPS);
        let key = PrivatePkcs8KeyDer::from_pem_slice(&key).map_err(|error| error.to_string());
        let key = key.and_then(|key| ring::rsa::KeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|error| error.to_string()));
        sign(key, signed.as_bytes())?
    };
    Ok(one(text(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))))
}
