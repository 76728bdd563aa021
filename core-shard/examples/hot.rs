//! scratch
#![allow(warnings, unsafe_code, clippy::all)]
use jerboa_core_shard::*;
fn mix(n: u64) -> u64 {
    let m = (n ^ (n >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (m ^ (m >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}
fn key(n: u64) -> [u8; 16] {
    (n as u128 * 0x9E3779B97F4A7C15F39CC0605CEDC835).to_le_bytes()
}
fn main() {
    let mode = std::env::args().nth(1).unwrap();
    let n: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut c = ShardConfig::owning_all(200 << 20, 64);
    c.full_policy = FullPolicy::Refuse;
    let mut s = Shard::new(&c).unwrap();
    let now = 1_800_000_000_000u64;
    let o = PutOptions {
        condition: Condition::Always,
        expiry: Expiry::At(now + 100000),
    };
    for i in 0..4000 {
        let k = key(i);
        let at = s.address(MapId::DEFAULT, (i % 64) as u16, &k);
        s.put(at, &k, &[1; 64], o, now).unwrap();
    }
    let mut sum = 0u64;
    for i in 0..n {
        let id = mix(i) % 4000;
        let k = key(id);
        let at = s.address(MapId::DEFAULT, (id % 64) as u16, &k);
        match mode.as_str() {
            "base" => sum += at.hash,
            "get" => {
                let e = s.get(at, &k, now).unwrap();
                sum += e.value.as_slice().unwrap()[7] as u64;
            }
            "getc" => {
                let e = s.get(at, &k, now).unwrap();
                let mut v = Vec::<u8>::with_capacity(64);
                e.value.parts().for_each(|p| v.extend_from_slice(p));
                sum += v[3] as u64;
            }
            "put" => {
                s.put(at, &k, &[i as u8; 64], o, now).unwrap();
            }
            "putk" => {
                s.put(
                    at,
                    &k,
                    &[i as u8; 64],
                    PutOptions {
                        expiry: Expiry::Keep,
                        ..o
                    },
                    now,
                )
                .unwrap();
            }
            "ins" => {
                let k = key(i + 5000);
                let at = s.address(MapId::DEFAULT, (i % 64) as u16, &k);
                s.put(at, &k, &[i as u8; 64], o, now).unwrap();
            }
            "pre" => {
                s.prefetch(&[at; 16]);
            }
            _ => {}
        }
    }
    std::hint::black_box(sum);
}
