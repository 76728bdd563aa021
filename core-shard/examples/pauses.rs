//! scratch
#![allow(warnings, unsafe_code, clippy::all)]
use jerboa_core_shard::*;
fn cpu() -> u64 {
    unsafe { core::arch::x86_64::_rdtsc() * 1000 / 2596 }
}
#[allow(dead_code)]
fn cpu2() -> u64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
fn mix(n: u64) -> u64 {
    let m = (n ^ (n >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (m ^ (m >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}
struct H {
    b: Vec<u64>,
    name: &'static str,
    max: u64,
}
impl H {
    fn new(name: &'static str) -> Self {
        H {
            b: vec![0; 2000],
            name,
            max: 0,
        }
    }
    fn add(&mut self, ns: u64) {
        self.b[((ns / 500) as usize).min(1999)] += 1;
        self.max = self.max.max(ns);
    }
    fn show(&self) {
        let n: u64 = self.b.iter().sum();
        let q = |p: f64| {
            let mut c = 0;
            for (i, x) in self.b.iter().enumerate() {
                c += x;
                if c as f64 >= n as f64 * p {
                    return i as f64 / 2.0;
                }
            }
            0.0
        };
        println!(
            "{:6} n {n} p50 {} p99 {} p99.9 {} p99.99 {} p99.999 {} max {} us",
            self.name,
            q(0.5),
            q(0.99),
            q(0.999),
            q(0.9999),
            q(0.99999),
            self.max as f64 / 1000.0
        );
    }
}
fn main() {
    let a: Vec<u64> = std::env::args()
        .skip(1)
        .map(|x| x.parse().unwrap())
        .collect();
    let (mb, ops, bg) = (a[0] as usize, a[1], a[2]);
    let mut best: Vec<u32> = Vec::new();
    let mut bests: Vec<u32> = Vec::new();
    let (mut put, mut get, mut step) = (H::new("put"), H::new("get"), H::new("step"));
    for run in 0..a[3] {
        let mut c = ShardConfig::owning_all(mb << 20, 4096);
        c.prefault = true;
        let mut s = Shard::new(&c).unwrap();
        let mut durs: Vec<u32> = Vec::with_capacity(ops as usize);
        let mut steps: Vec<u32> = Vec::with_capacity(ops as usize / 8);
        let mut now = 1_800_000_000_000u64;
        let mut bgns = 0u64;
        let t0 = cpu();
        let mut total = 0;
        for n in 0..ops {
            if n % 500 == 0 {
                now += 8;
            }
            let r = mix(n);
            let id = if r % 3 == 0 { n } else { mix(r) % (1 + n / 2) };
            let k = (id as u128 * 0x9E3779B97F4A7C15F39CC0605CEDC835).to_le_bytes();
            let at = s.address(MapId::DEFAULT, (mix(id) % 4096) as u16, &k);
            let t = cpu();
            if r % 10 < 5 {
                let len = 20 + (r >> 20) as usize % 200;
                let e = match (r >> 40) % 4 {
                    0 => Expiry::None,
                    1 => Expiry::At(now + 20_000 + (r >> 50)),
                    2 => Expiry::At(now + 60_000),
                    _ => Expiry::At(now + 3_600_000),
                };
                s.put(
                    at,
                    &k,
                    &[7; 256][..len],
                    PutOptions {
                        condition: Condition::Always,
                        expiry: e,
                    },
                    now,
                )
                .unwrap();
                let d = cpu() - t;
                durs.push(d as u32);
                total += d;
            } else {
                std::hint::black_box(s.get(at, &k, now).is_some());
                let d = cpu() - t;
                durs.push(d as u32);
                total += d;
            }
            if bg > 0 && n % bg == 0 {
                let t = cpu();
                s.step(now, 256);
                let d = cpu() - t;
                steps.push(d as u32);
                bgns += d;
            }
        }

        println!(
            "ops {} ns/op, background {} ns/op, wall cpu {}",
            total / ops,
            bgns / ops,
            cpu() - t0
        );
        if run == 0 {
            best = durs;
            bests = steps;
            println!("{:?}\n{:?}", s.counters(), s.usage());
        } else {
            for (b, d) in best.iter_mut().zip(&durs) {
                *b = (*b).min(*d);
            }
            for (b, d) in bests.iter_mut().zip(&steps) {
                *b = (*b).min(*d);
            }
        }
    }
    for n in 0..ops {
        let d = best[n as usize] as u64;
        if mix(n) % 10 < 5 {
            put.add(d);
            if d > 40_000 {
                println!("put {n} {d}");
            }
        } else {
            get.add(d);
            if d > 40_000 {
                println!("get {n} {d}");
            }
        }
    }
    for (i, d) in bests.iter().enumerate() {
        step.add(*d as u64);
        if *d > 60_000 {
            println!("step {i} {d}");
        }
    }
    put.show();
    get.show();
    step.show();
}
