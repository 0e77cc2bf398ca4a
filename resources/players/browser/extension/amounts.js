// Money as people read it. Amounts are decimal text of dollars; they go back as they came, and what is shown is never less than it is.
"use strict";

const PER_DOLLAR = 10n ** 12n; // the smallest unit that amounts are written in

// Nothing for what is no amount.
function amountOf(text) {
  const parts = /^(\d{1,10})(?:\.(\d{1,12}))?$/.exec(String(text));
  return parts ? BigInt(parts[1]) * PER_DOLLAR + BigInt((parts[2] ?? "").padEnd(12, "0")) : null;
}

function roundedUp(value, unit, digits) {
  const scale = 10n ** BigInt(digits);
  const count = String((value * scale + unit - 1n) / unit).padStart(digits + 1, "0");
  return digits === 0 ? count : count.slice(0, -digits) + "." + count.slice(-digits);
}

function cents(text) {
  const value = amountOf(text);
  if (value === null) return "?";
  if (value >= PER_DOLLAR) return "$" + roundedUp(value, PER_DOLLAR, 2);
  if (value === 0n) return "0 ¢";
  const cent = PER_DOLLAR / 100n;
  // Two digits that count.
  let digits = 0;
  while (value * 10n ** BigInt(digits) < 10n * cent) ++digits;
  return roundedUp(value, cent, digits) + " ¢";
}
