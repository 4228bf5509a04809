//! What is asked for, and nothing else: sites, intermediates, positions. A pass computes only what
//! they need, and the numbers do not depend on it beyond rounding.

use std::ops::ControlFlow;

use crate::support::{
    CASES, File, activations, all_intermediates, all_sites, architecture, gradients,
    in_micro_batches, intermediates, load, relative_error, selected,
};
use settling_capture::{ErrorKind, Intermediate, Options, Transformer};
use settling_core::{Capture, Component, MatView, Positions, Site, TokenBatch, View};

/// Fewer rows go through the same products in other shapes: some ten roundings of 6e-8 that are not
/// the same.
const TOLERANCE: f64 = 1e-6;

const POSITIONS: [&str; 5] = ["last", "index:0", "index:7", "every:5", "every:12"];

fn tokens(case: &str) -> TokenBatch {
    File::expected(case).tokens()
}

fn options(positions: &str, sites: &[Site]) -> Options {
    let (positions, sites) = (positions.parse().unwrap(), Some(sites.to_vec()));
    Options { engine: in_micro_batches(2), positions, sites, ..Options::default() }
}

#[test]
fn positions_select_rows_of_every_site() {
    for case in CASES {
        let (sites, batch) = (all_sites(&architecture(case)), tokens(case));
        let all = activations(&mut load(case, &options("all", &sites)), &batch).unwrap();
        for positions in POSITIONS {
            let chosen = activations(&mut load(case, &options(positions, &sites)), &batch).unwrap();
            assert_eq!(chosen.len(), all.len());
            for (site, (rows, width)) in chosen {
                let expected = selected(&all[&site].0, width, positions.parse().unwrap());
                let error = relative_error(&rows, &expected);
                assert!(error <= TOLERANCE, "{case} {site} {positions}: {error:e}");
            }
        }
    }
}

/// Nothing that comes later bears on a position, and a window is the same for rows shorter and
/// longer than it.
#[test]
fn the_beginning_of_a_row_gives_its_first_positions() {
    for case in CASES {
        let (sites, batch) = (all_sites(&architecture(case)), tokens(case));
        let mut model = load(case, &options("all", &sites));
        let all = activations(&mut model, &batch).unwrap();
        for width in [1, 3, 4, 5, 11] {
            let ids = (0..batch.rows()).flat_map(|row| batch.row(row)[..width].to_vec()).collect();
            let short = TokenBatch::new(ids, width).unwrap();
            for (site, (rows, features)) in activations(&mut model, &short).unwrap() {
                let sequences = all[&site].0.chunks(12 * features);
                let expected: Vec<f32> =
                    sequences.flat_map(|rows| rows[..width * features].to_vec()).collect();
                let error = relative_error(&rows, &expected);
                assert!(error <= TOLERANCE, "{case} {site} of {width} tokens: {error:e}");
            }
        }
    }
}

/// A pass ends with the last thing it is asked for, and narrows to the chosen positions where
/// nothing else is read any more: for every site that is another place.
#[test]
fn a_site_alone_is_what_it_is_among_all() {
    for case in CASES {
        let (sites, batch) = (all_sites(&architecture(case)), tokens(case));
        let all = activations(&mut load(case, &options("all", &sites)), &batch).unwrap();
        for site in sites {
            for positions in ["all", "last", "every:5"] {
                let mut model = load(case, &options(positions, &[site]));
                let alone = activations(&mut model, &batch).unwrap();
                assert_eq!(alone.keys().collect::<Vec<_>>(), [&site]);
                let (rows, width) = &alone[&site];
                let expected = selected(&all[&site].0, *width, positions.parse().unwrap());
                let error = relative_error(rows, &expected);
                assert!(error <= TOLERANCE, "{case} {site} {positions}: {error:e}");
            }
        }
    }
}

#[test]
fn an_intermediate_alone_is_what_it_is_among_all() {
    for case in CASES {
        let (wanted, batch) = (all_intermediates(&architecture(case)), tokens(case));
        let load = |positions: &str| load(case, &options(positions, &[Site::ov(0)]));
        let all = intermediates(&mut load("all"), &batch, &wanted).unwrap();
        for positions in ["all", "last", "every:5"] {
            let mut model = load(positions);
            let together = intermediates(&mut model, &batch, &wanted).unwrap();
            assert_eq!(together.len(), wanted.len());
            for one in &wanted {
                let alone = intermediates(&mut model, &batch, &[*one]).unwrap();
                assert_eq!(alone.len(), 1);
                let name = one.to_string();
                let (rows, width) = &all[&name];
                let expected = selected(rows, *width, positions.parse().unwrap());
                for found in [&alone[&name], &together[&name]] {
                    let error = relative_error(&found.0, &expected);
                    assert!(error <= TOLERANCE, "{case} {name} {positions}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_a_site_alone_is_what_it_is_among_all() {
    for case in CASES {
        let (sites, batch) = (all_sites(&architecture(case)), tokens(case));
        let (loss, all) = gradients(&mut load(case, &options("last", &sites)), &batch).unwrap();
        for site in sites {
            let (alone_loss, alone) =
                gradients(&mut load(case, &options("last", &[site])), &batch).unwrap();
            assert_eq!(alone.keys().collect::<Vec<_>>(), [&site]);
            assert!((alone_loss - loss).abs() <= TOLERANCE * loss);
            let error = relative_error(&alone[&site].0, &all[&site].0);
            assert!(error <= TOLERANCE, "{case} {site}: {error:e}");
        }
    }
}

#[test]
fn sites_come_once_and_in_order() {
    for case in ["parallel", "llama", "gpt2"] {
        let batch = tokens(case);
        let mut sites = all_sites(&architecture(case));
        sites.retain(|site| site.head != Some(1));
        let mut mixed: Vec<Site> = sites.iter().rev().copied().collect();
        mixed.extend(&sites[1..4]);
        let mut model = load(case, &options("all", &mixed));
        assert_eq!(model.sites(), sites);
        // Five rows in twos are three micro-batches, each delivered as a whole.
        let mut seen = Vec::new();
        let mut sink = |site: &Site, _: MatView<'_>| {
            seen.push(*site);
            ControlFlow::Continue(())
        };
        model.activations(&batch, &mut sink).unwrap();
        assert_eq!(seen, sites.repeat(3), "{case}");
        seen.clear();
        let mut sink = |site: &Site, _: MatView<'_>| {
            seen.push(*site);
            ControlFlow::Continue(())
        };
        model.gradients(&batch, &mut sink).unwrap();
        assert_eq!(seen, sites, "{case}");
    }
}

#[test]
fn intermediates_come_once_and_in_the_order_of_the_pass() {
    let wanted = all_intermediates(&architecture("mistral"));
    let mut mixed: Vec<Intermediate> = wanted.iter().rev().copied().collect();
    mixed.extend(&wanted[1..4]);
    let mut model = load("mistral", &options("every:5", &[Site::ov(0)]));
    let mut seen = Vec::new();
    let mut take = |one: &Intermediate, rows: MatView<'_>| {
        // Positions 4 and 9 of one or two rows.
        assert!(rows.rows() == 2 || rows.rows() == 4);
        seen.push(*one);
        ControlFlow::Continue(())
    };
    model.intermediates(&tokens("mistral"), &mixed, &mut take).unwrap();
    assert_eq!(seen, wanted.repeat(3));
}

#[test]
fn without_a_choice_the_sites_are_what_layers_write() {
    for case in CASES {
        let model = load(case, &Options::default());
        assert_eq!(model.sites(), architecture(case).write_sites());
    }
}

#[test]
fn a_sink_can_stop_at_any_site() {
    for case in ["sequential", "olmo2"] {
        let batch = tokens(case);
        let sites = all_sites(&architecture(case));
        let mut model = load(case, &options("last", &sites));
        for stop in 1..=sites.len() {
            let mut seen = Vec::new();
            let mut sink = |site: &Site, _: MatView<'_>| {
                seen.push(*site);
                if seen.len() == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            model.activations(&batch, &mut sink).unwrap();
            assert_eq!(seen, sites[..stop]);
        }
    }
}

#[test]
fn sites_that_do_not_exist_are_named_with_those_that_do() {
    let fails = |case: &str, site: &str, parts: &[&str]| {
        let options = options("last", &[Site::write(0, Component::Mlp), site.parse().unwrap()]);
        let source = File::read(case, "model.safetensors");
        let error = Transformer::load(&architecture(case), &source, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        for part in parts.iter().chain([&site, &"mlp.write", &"attention.ov"]) {
            assert!(error.to_string().contains(part), "{error}");
        }
    };
    // Layers 0 and 1 of 4 heads, of 3 heads, and layers 0 to 2 of 2 heads.
    fails("llama", "layer2.attention.write", &["0 to 1"]);
    fails("llama", "layer0.attention.ov.head4", &["0 to 3"]);
    fails("gpt2", "layer1.attention.write.head3", &["0 to 2"]);
    fails("parallel", "layer3.attention.ov_flat", &["0 to 2", "layerL.attention.ov_flat"]);
    for case in CASES.iter().filter(|case| architecture(case).family() != "gpt_neox") {
        fails(case, "layer0.attention.ov_flat", &[]);
    }
    // A site that no text names.
    let nowhere = Site { component: Component::Mlp, view: View::Ov, ..Site::ov(0) };
    let head = Site::write(0, Component::Mlp).with_head(0);
    for site in [nowhere, head] {
        let source = File::read("parallel", "model.safetensors");
        let error =
            Transformer::load(&architecture("parallel"), &source, &options("last", &[site]))
                .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}

#[test]
fn intermediates_and_parameters_that_do_not_exist_are_named() {
    let mut model = load("llama", &Options::default());
    let batch = tokens("llama");
    let beyond: Intermediate = "layer2.mlp.hidden".parse().unwrap();
    let error = intermediates(&mut model, &batch, &[beyond]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`layer2.mlp.hidden`"), "{error}");
    let error = intermediates(&mut model, &batch, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);

    let names = ["model.norm.weight", "lm_head.weight"];
    let error = model.parameter_gradients(&batch, &names, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    // The output embedding of this model is its input embedding.
    assert!(error.to_string().contains("`lm_head.weight`"), "{error}");
}

#[test]
fn positions_beyond_the_rows_are_an_error() {
    let mut model =
        load("gpt2", &Options { positions: Positions::Index(12), ..Options::default() });
    let error = activations(&mut model, &tokens("gpt2")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tokens);
    assert!(error.to_string().contains("index:12"), "{error}");
}
