// Certificates that sign themselves (RFC 5280), as little of one as a TLS client and Game Center's rules read. Node.js makes keys and no certificates.
import { createSign, randomBytes } from 'node:crypto';

const hex = (digits) => Buffer.from(digits, 'hex');

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = hex(body.length.toString(16).padStart(4, '0'));
  return Buffer.concat([Buffer.from([tag, 0x82]), length, body]);
}

const sequence = (...parts) => tlv(0x30, ...parts);
const oid = (digits) => tlv(0x06, hex(digits));
const time = (date) => tlv(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`));

/** SHA-256 with RSA. */
const ALGORITHM = sequence(oid('2a864886f70d01010b'), tlv(0x05));
const DAY_MS = 86_400_000;

/** A certificate in PEM of an RSA key pair, for a host, from yesterday until tomorrow. */
export function certificateOf({ publicKey, privateKey }, host) {
  const name = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(host)))));
  const alternative = sequence(oid('551d11'), tlv(0x04, sequence(tlv(0x82, Buffer.from(host)))));
  const now = Date.now();
  const signed = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1]), randomBytes(8)),
    ALGORITHM,
    name,
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(alternative)),
  );
  const signature = createSign('sha256').update(signed).sign(privateKey);
  const der = sequence(signed, ALGORITHM, tlv(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}
