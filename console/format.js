// Numbers as people read them. Knows nothing of the page.

const WHOLE = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** 1,234,567 */
export const whole = (n) => WHOLE.format(n);

/** 950, 1.2k, 34k, 5.6M */
export function compact(n) {
  const size = Math.abs(n);
  if (size < 10 && n % 1 !== 0) return n.toFixed(1);
  if (size < 1000) return String(Math.round(n));
  if (size < 9_950) return `${(n / 1000).toFixed(1)}k`;
  if (size < 999_500) return `${Math.round(n / 1000)}k`;
  if (size < 9_950_000) return `${(n / 1e6).toFixed(1)}M`;
  return `${Math.round(n / 1e6)}M`;
}

/** Milliseconds: 0.42, 3.1, 28 (the unit is written by the caller). */
export function ms(n) {
  if (n === 0) return '0';
  if (n < 1) return n.toFixed(2);
  return n < 10 ? n.toFixed(1) : String(Math.round(n));
}

/** Bytes: 512 B, 4.2 KiB, 31 MiB */
export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1024;
    at += 1;
  }
  return `${n < 10 && at > 0 ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
}

/** 0.034 → 3.4 % */
export const percent = (part) => `${part < 0.1 ? (part * 100).toFixed(1) : Math.round(part * 100)} %`;

/** Part that was kept: never rounded up to 100 %. */
export const kept = (part) => (part >= 1 ? '100 %' : `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`);

/** 4:05, 1:02:03, 2 d 3 h */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [d, h, m, s] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  if (d > 0) return `${d} d ${h} h`;
  const two = (n) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
