//! records.parquet: what is written reads back to the bit, and nothing else does.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use settling_core::{Component, Positions, Signal, Site, Step};
use settling_records::{
    ErrorKind, Record, read_records, read_records_parquet, write_records, write_records_parquet,
};
use sha2::{Digest, Sha256};

use crate::any_record::record;

fn written(records: &[Record]) -> Vec<u8> {
    let mut file = Vec::new();
    write_records_parquet(&mut file, records).unwrap();
    file
}

/// A record whose step Parquet has.
fn stored() -> impl Strategy<Value = Record> {
    record().prop_map(|record| {
        let mut changed = record;
        changed.step = Step(changed.step.0 >> 1);
        changed
    })
}

proptest! {
    #[test]
    fn records_read_back_to_the_bit(records in prop::collection::vec(stored(), 0..40)) {
        let file = written(&records);
        let read = read_records_parquet(&file[..]).unwrap();
        prop_assert_eq!(&read, &records);
        let bits = |records: &[Record]| -> Vec<Option<u64>> {
            records.iter().map(|r| r.value.as_ref().ok().map(|value| value.to_bits())).collect()
        };
        prop_assert_eq!(bits(&read), bits(&records));
        // The same records give the same file, and what CSV says of them.
        prop_assert_eq!(&file, &written(&read));
        let mut csv = Vec::new();
        write_records(&mut csv, &records).unwrap();
        prop_assert_eq!(read_records(&csv[..]).unwrap(), read);
    }
}

/// Of every type, with every null.
fn few() -> Vec<Record> {
    let cka = Record::new(
        "pythia-70m",
        Step(512),
        Site::write(0, Component::Mlp),
        Signal::Activation,
        "cka",
        Ok(-0.0),
    )
    .with_shape(2048, 512)
    .with_positions(Positions::Last)
    .with_estimator("debiased")
    .with_protocol("corrected");
    let undefined = {
        let mut changed = cka.clone();
        changed.step = Step(513);
        changed.value = Err("zero variance: in x".to_owned());
        changed
    };
    let weight = {
        let mut changed = cka.clone();
        changed.site = Site::ov(3).with_head(1);
        changed.signal = Signal::Weight;
        changed.metric = "per".to_owned();
        changed.value = Ok(f64::from_bits(0x3fef_ffff_ffff_ffff));
        changed.positions = None;
        changed.estimator = "attainable".to_owned();
        changed
    };
    let smallest = {
        let mut changed = weight.clone();
        changed.site.head = Some(2);
        changed.value = Ok(f64::from_bits(1));
        changed
    };
    vec![cka, undefined, weight, smallest]
}

#[test]
fn zeros_with_a_sign_and_the_smallest_numbers_keep_their_bits() {
    let read = read_records_parquet(&written(&few())[..]).unwrap();
    let bits: Vec<_> =
        read.iter().map(|record| record.value.as_ref().ok().map(|value| value.to_bits())).collect();
    assert_eq!(bits, [Some(1 << 63), None, Some(0x3fef_ffff_ffff_ffff), Some(1)]);
    assert_eq!(read[1].value, Err("zero variance: in x".to_owned()));
    assert_eq!(read_records_parquet(&written(&[])[..]).unwrap(), []);
}

#[test]
fn one_number_in_two_rows_is_an_error_with_both_rows() {
    let [one, two] = &few()[..2] else { panic!("two records") };
    let mut again = one.clone();
    for (value, how) in [(one.value.clone(), "alike"), (Ok(0.25), "differ")] {
        again.value = value;
        let file = written(&[one.clone(), two.clone(), again.clone()]);
        let error = read_records_parquet(&file[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Twice);
        let message = error.to_string();
        assert!(message.starts_with("rows 0 and 2 give model `pythia-70m`"), "{message}");
        assert!(message.contains(how), "{message}");
    }
}

/// More than a row group holds.
#[test]
fn many_records_keep_their_order() {
    let one = &few()[0];
    let many: Vec<Record> = (0..(1 << 16) + 3)
        .map(|row| {
            let mut changed = one.clone();
            changed.step = Step(row);
            changed.value = Ok(row as f64);
            changed
        })
        .collect();
    let file = written(&many);
    assert!(read_records_parquet(&file[..]).unwrap() == many);
    let mut csv = Vec::new();
    write_records(&mut csv, &many).unwrap();
    assert!(3 * file.len() < csv.len(), "{} of {} bytes", file.len(), csv.len());
}

#[test]
fn what_a_column_cannot_hold_is_not_written() {
    let refused = |change: fn(&mut Record), part: &str| {
        let mut record = few().remove(0);
        change(&mut record);
        let error = write_records_parquet(Vec::new(), [&record]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cell);
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(|record| record.value = Ok(f64::NAN), "`cka` is NaN");
    refused(|record| record.value = Ok(f64::INFINITY), "`cka` is inf");
    refused(|record| record.step = Step(1 << 63), "column `step`: 9223372036854775808 is above");
    refused(|record| record.n = usize::MAX, "column `n`");
}

/// Where the footer begins, by the length in front of the mark at the end.
fn footer(file: &[u8]) -> usize {
    let end = file.len() - 8;
    let length: [u8; 4] = file[end..end + 4].try_into().unwrap();
    end - u32::from_le_bytes(length) as usize
}

/// A file that was changed, with the seal that it would have had if it had been written so; `None`
/// if there is no place for it.
fn sealed_anew(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let end = file.len() - 8;
    let length: [u8; 4] = file[end..end + 4].try_into().unwrap();
    let footer = end.checked_sub(u32::from_le_bytes(length) as usize)?;
    let seal = footer.checked_sub(32)?;
    let hash = Sha256::new()
        .chain_update(&file[..seal.checked_sub(8)?])
        .chain_update(&file[footer..])
        .finalize();
    file[seal..footer].copy_from_slice(&hash);
    Some(file)
}

#[test]
fn the_seal_is_what_the_schema_says() {
    let file = written(&few());
    let seal = footer(&file) - 40;
    assert_eq!(&file[seal..seal + 8], b"settling");
    assert_eq!(sealed_anew(file.clone()).unwrap(), file);
}

/// Damage never gives another number, and never reaches the decoder.
#[test]
fn every_cut_and_every_changed_byte_is_an_error() {
    let whole = written(&few());
    let damaged = |file: &[u8], what: &str| {
        let error = read_records_parquet(file).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error}");
    };
    for length in 0..whole.len() {
        damaged(&whole[..length], &format!("cut to {length} bytes"));
    }
    let mut changed = whole.clone();
    for place in 0..whole.len() {
        for value in (0..=u8::MAX).filter(|&value| value != whole[place]) {
            changed[place] = value;
            damaged(&changed, &format!("byte {place} = {value}"));
        }
        changed[place] = whole[place];
    }
    damaged(&[&whole[..], b"\0"].concat(), "a byte more");
}

/// A file that lies and has the seal of its lies gives records or an error, in no time: no panic,
/// no loop.
#[test]
fn a_sealed_lie_is_never_worse_than_an_error() {
    let whole = written(&few());
    let mut read = 0;
    for place in 0..whole.len() {
        for value in (0..8).map(|bit| whole[place] ^ (1 << bit)).chain([0, u8::MAX]) {
            let mut changed = whole.clone();
            changed[place] = value;
            let Some(file) = sealed_anew(changed) else { continue };
            let start = Instant::now();
            let records = read_records_parquet(&file[..]);
            read += usize::from(records.is_ok());
            assert!(start.elapsed() < Duration::from_secs(2), "byte {place} = {value}");
            for record in records.into_iter().flatten() {
                assert!(record.value.is_err() || record.value.is_ok_and(f64::is_finite));
            }
        }
    }
    assert!(read > 100, "the values, for one, may be others: {read}");
}

#[test]
fn what_is_no_table_of_records_is_named() {
    let csv = b"schema,model\n1,m\n".to_vec();
    for file in [Vec::new(), b"PAR1".to_vec(), csv] {
        let error = read_records_parquet(&file[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("read as CSV"), "{error}");
    }
    // A file of another version, and one with another word, as this crate might have written them.
    let changed = |from: &[u8], to: &[u8]| {
        let mut file = written(&few()[..1]);
        let places: Vec<usize> =
            (0..file.len() - from.len()).filter(|&at| file[at..].starts_with(from)).collect();
        for place in places {
            file[place..place + to.len()].copy_from_slice(to);
        }
        read_records_parquet(&sealed_anew(file).unwrap()[..]).unwrap_err()
    };
    let error = changed(b"\x03\0\0\0mlp", b"\x03\0\0\0mlq");
    assert_eq!(error.kind(), ErrorKind::Cell);
    assert_eq!(
        error.to_string(),
        "row 0, column `component`: expected one of attention, mlp, found `mlq`"
    );
    let error = changed(b"protocol", b"protocal");
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().contains("estimator,protocal`"), "{error}");
    let error = changed(&1_i64.to_le_bytes(), &2_i64.to_le_bytes());
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().contains("schema version `2`"), "{error}");
}
