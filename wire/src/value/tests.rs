//! Fear: a value that comes back as another, and one that is lost because nobody can read it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

fn encoded(value: impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    bytes
}

fn back<T: Encode + Decode>(value: T) -> T {
    T::decode(encoded(value)).unwrap()
}

#[test]
fn the_bytes_are_those_of_the_table() {
    assert_eq!(encoded("text"), b"text");
    assert_eq!(encoded(String::from("é")), "é".as_bytes());
    assert_eq!(encoded(b"bytes"), b"bytes");
    assert_eq!(encoded(&[1u8, 2][..]), [1, 2]);
    assert_eq!(encoded('é'), "é".as_bytes());
    assert_eq!(encoded(-7), b"-7");
    assert_eq!(encoded(u64::MAX), b"18446744073709551615");
    assert_eq!(encoded(i128::MIN), i128::MIN.to_string().as_bytes());
    assert_eq!(encoded(0.1), b"0.1");
    assert_eq!(encoded(1e21), b"1000000000000000000000");
    assert_eq!(encoded(3.0f32), b"3");
    assert_eq!(encoded(f64::NAN), b"NaN");
    assert_eq!(
        (encoded(true), encoded(false)),
        (b"1".to_vec(), b"0".to_vec())
    );
    assert_eq!(encoded(Duration::from_millis(1500)), b"1500000000");
    let nano = Duration::from_nanos(1);
    assert_eq!(encoded(UNIX_EPOCH + nano), b"1");
    assert_eq!(encoded(UNIX_EPOCH - nano), b"-1");
    assert_eq!(encoded(UNIX_EPOCH), b"0");
}

proptest! {
    #[test]
    fn every_number_comes_back_to_the_last_digit(
        signed: i128, unsigned: u128, long: i64, small: u8, single: f32, double: f64,
    ) {
        prop_assert_eq!(back(signed), signed);
        prop_assert_eq!(back(unsigned), unsigned);
        prop_assert_eq!(back(long), long);
        prop_assert_eq!(back(small), small);
        prop_assert_eq!(back(single).to_bits(), single.to_bits());
        prop_assert_eq!(back(double).to_bits(), double.to_bits());
    }

    #[test]
    fn every_duration_and_time_comes_back_to_the_nanosecond(
        seconds in 0..=i64::MAX as u64, nanos in 0u32..1_000_000_000, before: bool,
    ) {
        let distance = Duration::new(seconds, nanos);
        prop_assert_eq!(back(distance), distance);
        let time = if before {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        if let Some(time) = time {
            prop_assert_eq!(back(time), time);
        }
    }

    #[test]
    fn any_text_and_any_bytes_come_back(text: String, bytes: Vec<u8>, character: char) {
        prop_assert_eq!(back(text.clone()), text);
        prop_assert_eq!(back(bytes.clone()), bytes);
        prop_assert_eq!(back(character), character);
    }

    /// Whatever the bytes: each type reads them, or returns them whole.
    #[test]
    fn what_cannot_be_read_is_handed_back(bytes: Vec<u8>) {
        fn whole<T: Decode>(bytes: &[u8]) -> bool {
            match T::decode(bytes.to_vec()) {
                Ok(_) => true,
                Err(wrong) => wrong.value == bytes && wrong.expected == T::expected(),
            }
        }
        prop_assert!(whole::<i64>(&bytes) && whole::<u8>(&bytes) && whole::<f64>(&bytes));
        prop_assert!(whole::<bool>(&bytes) && whole::<String>(&bytes) && whole::<char>(&bytes));
        prop_assert!(whole::<[u8; 3]>(&bytes) && whole::<Duration>(&bytes));
        prop_assert!(whole::<SystemTime>(&bytes));
    }
}

#[test]
fn nothing_is_guessed_at() {
    fn refused<T: Decode>(bytes: &[u8]) {
        let wrong = T::decode(bytes.to_vec()).err().expect("must be refused");
        assert_eq!(wrong.value, bytes);
    }
    for text in [
        "", " 7", "7 ", "+7", "7 apples", "7.0", "0x7", "1e3", "seven", "٧",
    ] {
        refused::<i64>(text.as_bytes());
    }
    refused::<u8>(b"300");
    refused::<u8>(b"-1");
    refused::<i64>(b"9223372036854775808");
    refused::<f64>(b"");
    refused::<f64>(b"+1.5");
    refused::<f64>(&[b'1'; 2000]);
    for text in ["", "true", "yes", "2", "01"] {
        refused::<bool>(text.as_bytes());
    }
    refused::<String>(&[0xFF, 0xFE]);
    refused::<char>(b"ab");
    refused::<[u8; 2]>(b"abc");
    refused::<Duration>(b"-1");
    refused::<Duration>(b"1.5");
    refused::<SystemTime>(b"170141183460469231731687303715884105728");
}

#[test]
fn the_error_names_the_type_and_shows_some_of_a_large_value() {
    let wrong = i64::decode(b"seven".to_vec()).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the value of 5 bytes is not an i64: \"seven\""
    );
    let large = u8::decode(vec![b'x'; 1 << 20]).unwrap_err();
    assert!(large.to_string().len() < 200 && format!("{large:?}").len() < 200);
}

#[cfg(feature = "serde")]
mod of_serde {
    use super::*;

    #[derive(Clone, PartialEq, Debug, ::serde::Serialize, ::serde::Deserialize)]
    struct Order {
        customer: String,
        items: Vec<(u32, f64)>,
        paid: Option<bool>,
    }

    #[derive(Debug, ::serde::Serialize, ::serde::Deserialize)]
    struct Later {
        #[serde(default)]
        note: String,
        paid: Option<bool>,
        customer: String,
        items: Vec<(u32, f64)>,
    }

    fn order() -> Order {
        Order {
            customer: "ada".to_owned(),
            items: vec![(7, 1.5), (8, -2.0)],
            paid: Some(true),
        }
    }

    #[test]
    fn a_struct_comes_back_also_with_more_fields_in_another_order() {
        let bytes = encoded(Serde(order()));
        assert_eq!(Serde::<Order>::decode(bytes.clone()), Ok(Serde(order())));
        let Serde(later) = Serde::<Later>::decode(bytes).unwrap();
        assert_eq!((&*later.note, &*later.customer), ("", "ada"));
    }

    #[test]
    fn another_type_cut_bytes_and_bytes_behind_are_errors_that_lose_nothing() {
        let bytes = encoded(Serde(order()));
        let cut = bytes[..bytes.len() - 1].to_vec();
        let longer = [&*bytes, b"!"].concat();
        for wrong in [cut, longer, b"text".to_vec(), Vec::new(), encoded(Serde(7))] {
            let error = Serde::<Order>::decode(wrong.clone()).unwrap_err();
            assert_eq!(error.value, wrong);
            assert!(error.expected.contains("Order"), "{}", error.expected);
        }
        assert!(Serde::<u32>::decode(bytes).is_err());
    }

    #[test]
    fn depth_that_would_exhaust_the_stack_is_an_error() {
        #[derive(::serde::Deserialize)]
        struct Nest(#[expect(dead_code, reason = "only its depth matters")] Vec<Self>);
        let deep = vec![0x91; 1 << 20];
        assert!(Serde::<Nest>::decode(deep).is_err());
    }

    #[test]
    fn what_no_serializer_takes_is_named() {
        struct Stubborn;
        impl ::serde::Serialize for Stubborn {
            fn serialize<S: ::serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(::serde::ser::Error::custom("no"))
            }
        }
        let error = Serde(Stubborn).encode(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("no"), "{error}");
    }
}
