// The functions of the format, as browsers have them; those that look names up are given by the program.
"use strict";

const __v4 = (text) => {
    const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
    if (!parts || parts.slice(1).some((p) => Number(p) > 255)) return null;
    return parts.slice(1).reduce((sum, p) => sum * 256 + Number(p), 0);
};

// Eight numbers of 16 bits, or null.
const __v6 = (text) => {
    const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
    if (tail) {
        const four = __v4(tail[2]);
        if (four === null) return null;
        text = tail[1] + Math.floor(four / 65536).toString(16) + ":" + (four % 65536).toString(16);
    }
    const halves = text.split("::");
    if (halves.length > 2) return null;
    const read = (half) => (half === "" ? [] : half.split(":"));
    const [head, rest] = [read(halves[0]), read(halves[1] ?? "")];
    const gap = 8 - head.length - rest.length;
    if (halves.length === 1 ? gap !== 0 : gap < 0) return null;
    const all = [...head, ...Array(gap).fill("0"), ...rest];
    if (all.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return null;
    return all.map((group) => parseInt(group, 16));
};

const __bits = (address) => {
    const four = __v4(address);
    if (four !== null) return four.toString(2).padStart(32, "0");
    const six = __v6(address);
    return six && six.map((group) => group.toString(2).padStart(16, "0")).join("");
};

const __look = (host) => {
    host = String(host);
    return __bits(host) ? [host] : __addresses(host);
};

globalThis.isPlainHostName = (host) => !/[.:]/.test(host);
globalThis.dnsDomainIs = (host, domain) =>
    String(host).toLowerCase().endsWith(String(domain).toLowerCase());
globalThis.localHostOrDomainIs = (host, full) => {
    [host, full] = [String(host).toLowerCase(), String(full).toLowerCase()];
    return host === full || (!host.includes(".") && full.startsWith(host + "."));
};
globalThis.dnsDomainLevels = (host) => String(host).split(".").length - 1;
globalThis.dnsResolve = (host) => __look(host).find((a) => __v4(a) !== null) ?? null;
globalThis.isResolvable = (host) => dnsResolve(host) !== null;
globalThis.dnsResolveEx = (host) => __look(host).join(";");
globalThis.isResolvableEx = (host) => __look(host).length > 0;
globalThis.myIpAddress = () => __own().find((a) => __v4(a) !== null) ?? "127.0.0.1";
globalThis.myIpAddressEx = () => __own().join(";");
globalThis.getClientVersion = () => "1.0";
globalThis.convert_addr = (address) => (__v4(String(address)) ?? 0) | 0;

globalThis.isInNet = (host, net, mask) => {
    const [address, n, m] = [__v4(dnsResolve(host) ?? ""), __v4(String(net)), __v4(String(mask))];
    if (address === null || n === null || m === null) return false;
    return (address & m) === (n & m);
};
globalThis.isInNetEx = (host, prefix) => {
    const [net, length] = String(prefix).split("/");
    const bits = __bits(net);
    if (!bits || !/^\d{1,3}$/.test(length ?? "") || Number(length) > bits.length) return false;
    const wanted = bits.slice(0, Number(length));
    return __look(host).map(__bits).some((a) => a && a.length === bits.length && a.startsWith(wanted));
};
globalThis.sortIpAddressList = (list) => {
    const all = String(list).split(";").map((a) => a.trim()).filter((a) => a);
    if (all.length === 0 || all.some((a) => !__bits(a))) return false;
    const key = (a) => (__v6(a) ? "0" : "1") + __bits(a);
    return all.sort((a, b) => (key(a) < key(b) ? -1 : 1)).join(";");
};

// `*` and `?` by hand: a script's pattern must not be able to take for ever.
globalThis.shExpMatch = (text, pattern) => {
    [text, pattern] = [String(text).toLowerCase(), String(pattern).toLowerCase()];
    let [t, p, star, mark] = [0, 0, -1, 0];
    while (t < text.length) {
        if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t]) && pattern[p] !== "*") {
            t++;
            p++;
        } else if (pattern[p] === "*") {
            star = p++;
            mark = t;
        } else if (star >= 0) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (pattern[p] === "*") p++;
    return p === pattern.length;
};

const __now = (gmt) => {
    const now = new Date();
    const [d, utc] = [now, gmt ? "UTC" : ""];
    const get = (name) => d["get" + utc + name]();
    return {
        day: get("Day"), date: get("Date"), month: get("Month"), year: get("FullYear"),
        seconds: get("Hours") * 3600 + get("Minutes") * 60 + get("Seconds"),
    };
};
const __split = (args) => {
    const all = [...args].filter((a) => a !== undefined);
    const gmt = String(all[all.length - 1]).toUpperCase() === "GMT";
    return [gmt ? all.slice(0, -1) : all, __now(gmt)];
};
// Whether `now` is between, where the range may go over the end of what it counts in.
const __between = (from, now, to) => (from <= to ? from <= now && now <= to : from <= now || now <= to);

globalThis.weekdayRange = (...args) => {
    const days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    const [range, now] = __split(args);
    const [from, to] = range.map((d) => days.indexOf(String(d).toUpperCase()));
    if (from === undefined || from < 0 || to < 0) return false;
    return __between(from, now.day, to ?? from);
};
globalThis.timeRange = (...args) => {
    const [range, now] = __split(args);
    const n = range.map(Number);
    const at = (h, m, s) => h * 3600 + m * 60 + s;
    switch (n.length) {
        case 1: return Math.floor(now.seconds / 3600) === n[0];
        case 2: return __between(at(n[0], 0, 0), now.seconds, at(n[1], 0, 0));
        case 4: return __between(at(n[0], n[1], 0), now.seconds, at(n[2], n[3], 0));
        case 6: return __between(at(n[0], n[1], n[2]), now.seconds, at(n[3], n[4], n[5]));
        default: return false;
    }
};
globalThis.dateRange = (...args) => {
    const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    const [range, now] = __split(args);
    // What each argument is: a day of the month, a month or a year.
    const parts = range.map((a) => {
        const month = months.indexOf(String(a).toUpperCase());
        if (month >= 0) return ["month", month];
        return Number(a) > 31 ? ["year", Number(a)] : ["date", Number(a)];
    });
    if (parts.length === 1 || (parts.length === 3 && new Set(parts.map((p) => p[0])).size === 3)) {
        return parts.every(([kind, value]) => now[kind] === value);
    }
    const half = parts.length / 2;
    if (half !== Math.floor(half) || half === 0) return false;
    const weight = { year: 10000, month: 100, date: 1 };
    const sum = (side) => side.reduce((all, [kind, value]) => all + weight[kind] * value, 0);
    const [from, to] = [parts.slice(0, half), parts.slice(half)];
    const current = sum(from.map(([kind]) => [kind, now[kind]]));
    return __between(sum(from), current, sum(to));
};
