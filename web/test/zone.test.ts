import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, isZone, moment } from "../src/zone.ts";

test("local times are moments, also where clocks are changed", () => {
  const at = (text: string, zone: string) => {
    const found = moment(text, zone);
    return found === null ? null : [new Date(found.instant).toISOString(), found.kind];
  };
  assert.deepEqual(at("2026-12-01T02:00", "Europe/Warsaw"), ["2026-12-01T01:00:00.000Z", "once"]);
  assert.deepEqual(at("2027-03-28T02:30", "Europe/Warsaw"), ["2027-03-28T01:00:00.000Z", "missing"]);
  assert.deepEqual(at("2026-10-25T02:30", "Europe/Warsaw"), ["2026-10-25T00:30:00.000Z", "twice"]);
  assert.deepEqual(at("2026-07-01T12:00", "UTC"), ["2026-07-01T12:00:00.000Z", "once"]);
  assert.equal(at("2026-13-01T02:00", "UTC"), null);
  assert.equal(at("T02:00", "UTC"), null);
  assert.equal(clock(Date.UTC(2027, 2, 28, 1), "Europe/Warsaw"), "03:00");
});

test("zones are IANA names", () => {
  for (const zone of ["UTC", "Europe/Warsaw", "America/New_York"]) assert.ok(isZone(zone), zone);
  for (const zone of ["", "EST", "CET", "Europe/Nowhere", "+02:00"]) assert.ok(!isZone(zone), zone);
});
