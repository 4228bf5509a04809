//! Round trips, and one refusal each for what a table may not hold.

use std::fs::File;
use std::path::Path;

use proptest::prelude::*;
use settling_core::{Component, Signal, Step, View};
use settling_records::{
    ErrorKind, MccRow, SettlingRow, SummaryRow, read_mcc, read_records, read_settling,
    read_summary, write_mcc, write_records, write_settling, write_summary,
};

use crate::any_record::record;

const HEADER: &str = "schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol";

proptest! {
    #[test]
    fn records_read_back_to_the_bit(records in prop::collection::vec(record(), 0..8)) {
        let mut file = Vec::new();
        write_records(&mut file, &records).unwrap();
        prop_assert_eq!(read_records(&file[..]).unwrap(), records);
    }
}

#[test]
fn mcc_rows_read_back() {
    let row = {
        let mut row =
            MccRow::new("a,b", Component::Attention, View::Write, "weight_per", [3, 0, 1, 2]);
        row.mcc = Ok(0.707);
        row.interval = Some((-0.1, 1.0));
        row.p_exact = 0.4;
        row.protocol = "corrected".to_owned();
        row
    };
    let undefined = {
        let mut changed = row.clone();
        changed.component = Component::Mlp;
        changed.mcc = Err("no layer is early".to_owned());
        changed.interval = None;
        changed
    };
    let mut file = Vec::new();
    write_mcc(&mut file, [&row, &undefined]).unwrap();
    assert_eq!(read_mcc(&file[..]).unwrap(), [row, undefined]);
    let header = "schema,model,component,view,predictor,n,tp,fp,fn,tn,mcc,ci_low,ci_high,p_exact,status,protocol\n";
    assert!(file.starts_with(header.as_bytes()));
}

#[test]
fn settling_rows_read_back() {
    let row =
        SettlingRow::new("a,b", 3, Component::Attention, View::Ov, 0.45, Ok((Step(1000), 0.1)))
            .with_protocol("corrected");
    let never = {
        let mut changed = row.clone();
        changed.layer = 4;
        changed.settled = Err("not yet".to_owned());
        changed
    };
    let mut file = Vec::new();
    write_settling(&mut file, [&row, &never]).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    let expected = "schema,model,layer,component,view,threshold,settling_step,fraction_of_training,protocol,status\n\
                    1,\"a,b\",3,attention,ov,0.45,1000,0.1,corrected,ok\n\
                    1,\"a,b\",4,attention,ov,0.45,,,corrected,not yet\n";
    assert_eq!(text, expected);
    assert_eq!(read_settling(&file[..]).unwrap(), [row.clone(), never]);

    for (from, to, column) in [
        (",1000,", ",,", "`settling_step`"),
        (",0.1,", ",,", "`fraction_of_training`"),
        (",ok", ",", "`status`"),
        (",ok", ",not yet", "`status`"),
    ] {
        let error = read_settling(text.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cell);
        assert!(error.to_string().contains(&format!("line 2, column {column}")), "{error}");
    }
    let infinite = {
        let mut changed = row;
        changed.threshold = f64::INFINITY;
        changed
    };
    assert_eq!(write_settling(Vec::new(), [&infinite]).unwrap_err().kind(), ErrorKind::Cell);
}

#[test]
fn malformed_tables_are_refused_with_the_place() {
    let good = "1,m,512,0,mlp,write,,activation,cka,0.5,8,4,last,debiased,corrected";
    assert_eq!(read_records(format!("{HEADER}\n{good}\n").as_bytes()).unwrap().len(), 1);
    for (line, kind, part) in [
        (
            "1,m,512,0,mlp,write,,activation,cka,half,8,4,last,debiased,corrected",
            ErrorKind::Cell,
            "`half`",
        ),
        (
            "1,m,512,0,mlp,write,,activation,cka,NaN,8,4,last,debiased,corrected",
            ErrorKind::Cell,
            "finite",
        ),
        (
            "1,m,512,0,mlp,write,,activation,cka,,8,4,last,debiased,corrected",
            ErrorKind::Cell,
            "column `value`",
        ),
        (
            "1,m,x,0,mlp,write,,activation,cka,0.5,8,4,last,debiased,corrected",
            ErrorKind::Cell,
            "column `step`",
        ),
        (
            "1,m,512,0,conv,write,,activation,cka,0.5,8,4,last,debiased,corrected",
            ErrorKind::Cell,
            "attention, mlp",
        ),
        (
            "2,m,512,0,mlp,write,,activation,cka,0.5,8,4,last,debiased,corrected",
            ErrorKind::Schema,
            "`2`",
        ),
        ("1,m,512", ErrorKind::Cell, "line"),
    ] {
        let error = read_records(format!("{HEADER}\n{good}\n{line}\n").as_bytes()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = read_records("model,step\na,1\n".as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    let error =
        read_records(format!("{HEADER}\n{good}\n{}\n", good.replace("0.5", "0,5")).as_bytes())
            .unwrap_err();
    assert!(error.to_string().contains("line: 3"), "{error}");
}

/// tests/golden/rewritten.py.
#[test]
fn tables_that_pandas_or_polars_wrote_anew_give_the_same_records() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        read_records(File::open(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let records = read("records.csv");
    assert_eq!(records.len(), 5);
    assert_eq!(records[3].value, Err("all singular values are 0, or too small".to_owned()));
    for name in [
        "pandas.csv",
        "pandas_index.csv",
        "pandas_nan.csv",
        "pandas_floats.csv",
        "pandas_types.csv",
        "polars.csv",
        "polars_floats.csv",
    ] {
        assert_eq!(read(name), records, "{name}");
    }
}

#[test]
fn a_whole_number_is_read_however_it_is_written_and_no_other_number_is() {
    let step = |text: &str| {
        let line = format!("1,m,{text},0,mlp,write,,activation,cka,0.5,8,4,last,debiased,c");
        read_records(format!("{HEADER}\n{line}\n").as_bytes()).map(|read| read[0].step.0)
    };
    for (text, number) in [
        ("143000.0", 143_000),
        ("1e+05", 100_000),
        (" 7 ", 7),
        ("9007199254740991.0", (1 << 53) - 1),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(step(text).unwrap(), number, "{text}");
    }
    // From 2^53 on several whole numbers have one float.
    for text in
        ["0.5", "-1", "-1.0", "1e300", "9007199254740992.0", "", "NaN", "inf", "True", "1,0"]
    {
        let error = step(text).unwrap_err();
        assert!(error.to_string().contains("line"), "{text}: {error}");
    }
}

#[test]
fn every_word_for_nothing_is_nothing_where_no_text_is_meant() {
    for nothing in ["", "NaN", "nan", "NA", "<NA>", "N/A", "null", "None"] {
        let line =
            format!("1,NA,0,0,mlp,write,{nothing},weight,per,{nothing},8,4,{nothing},svd:zero,c");
        let read = read_records(format!("{HEADER}\n{line}\n").as_bytes()).unwrap();
        let record = &read[0];
        assert_eq!((record.site.head, record.positions), (None, None), "{nothing}");
        assert_eq!((record.model.as_str(), record.value.clone()), ("NA", Err("zero".to_owned())));
    }
}

#[test]
fn columns_that_are_not_those_of_the_table_are_named() {
    let row = "1,m,512,0,mlp,write,,activation,cka,0.5,8,4,last,debiased,corrected";
    for (header, row, part) in [
        (HEADER.replace("width", "with"), row.to_owned(), "`with` is no column of it"),
        (HEADER.replace(",width", ""), row.replacen(",4", "", 1), "`width` is missing"),
        (format!("{HEADER},step"), format!("{row},513"), "`step` is there twice"),
        (HEADER.replace(',', ";"), row.replace(',', ";"), "separated by \";\""),
        (HEADER.replace(',', "\t"), row.replace(',', "\t"), "separated by \"\\t\""),
    ] {
        let error = read_records(format!("{header}\n{row}\n").as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Schema);
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Whether or not they agree: a sum over both would count one thing twice.
#[test]
fn one_number_in_two_rows_is_an_error_with_both_lines() {
    let row = "1,m,512,0,mlp,write,,activation,cka,0.5,8,4,last,debiased,corrected";
    let read = |again: &str| {
        let more = row.replace("512", "513");
        read_records(format!("{HEADER}\n{row}\n{more}\n{again}\n").as_bytes())
    };
    let undefined = row.replace("0.5", "").replace("debiased", "debiased:zero variance");
    for (again, how) in [
        (row.to_owned(), "twice, and alike"),
        (row.replace("0.5", "0.25"), "twice, and differ"),
        (row.replace(",8,", ",16,"), "twice, and differ"),
        (row.replace("512", "512.0"), "twice, and alike"),
        (undefined, "twice, and differ"),
    ] {
        let error = read(&again).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Twice);
        let message = error.to_string();
        let place = "lines 2 and 4 give model `m`, step 512, layer0.mlp.write, activation cka";
        assert!(message.starts_with(place) && message.contains(how), "{message}");
    }
    for (from, to) in [
        ("1,m", "1,n"),
        ("512", "514"),
        (",0,mlp", ",1,mlp"),
        ("write,,", "write,0,"),
        ("cka", "per"),
        ("last", "all"),
        ("debiased", "biased"),
        ("corrected", "published"),
        ("activation", "gradient"),
    ] {
        assert_eq!(read(&row.replace(from, to)).unwrap().len(), 3, "{to}");
    }
}

#[test]
fn a_row_of_a_small_table_is_there_once() {
    let mcc = MccRow::new("m", Component::Mlp, View::Write, "weight_per", [3, 0, 1, 2]);
    let mut file = Vec::new();
    write_mcc(&mut file, [&mcc, &mcc]).unwrap();
    let error = read_mcc(&file[..]).unwrap_err();
    assert!(error.to_string().starts_with("lines 2 and 3 give model `m`, mlp"), "{error}");

    let not = || Err("not yet".to_owned());
    let settling = SettlingRow::new("m", 3, Component::Mlp, View::Write, 0.5, not());
    let mut file = Vec::new();
    write_settling(&mut file, [&settling, &settling]).unwrap();
    let error = read_settling(&file[..]).unwrap_err();
    assert!(error.to_string().starts_with("lines 2 and 3 give model `m`, layer 3"), "{error}");

    let summary = SummaryRow::new("m", Component::Mlp, Signal::Weight, "per", Step(8));
    let mut file = Vec::new();
    write_summary(&mut file, [&summary, &summary]).unwrap();
    let error = read_summary(&file[..]).unwrap_err();
    assert!(error.to_string().starts_with("lines 2 and 3 give model `m`, step 8"), "{error}");
}

#[test]
fn a_value_that_is_not_finite_is_not_written() {
    let mut record = read_records(
        format!("{HEADER}\n1,m,512,0,mlp,write,,weight,per,0.5,8,4,,svd,corrected\n").as_bytes(),
    )
    .unwrap()
    .remove(0);
    record.value = Ok(f64::NAN);
    assert_eq!(write_records(Vec::new(), [&record]).unwrap_err().kind(), ErrorKind::Cell);
}
