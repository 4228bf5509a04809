//! Round trips, and one refusal each for what a table may not hold.

use proptest::prelude::*;
use settling_core::{Component, Step, View};
use settling_records::{
    ErrorKind, MccRow, SettlingRow, read_mcc, read_records, read_settling, write_mcc,
    write_records, write_settling,
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
        changed.settled = Err("not yet".to_owned());
        changed
    };
    let mut file = Vec::new();
    write_settling(&mut file, [&row, &never]).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    let expected = "schema,model,layer,component,view,threshold,settling_step,fraction_of_training,protocol,status\n\
                    1,\"a,b\",3,attention,ov,0.45,1000,0.1,corrected,ok\n\
                    1,\"a,b\",3,attention,ov,0.45,,,corrected,not yet\n";
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
