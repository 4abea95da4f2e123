use proptest::prelude::*;

use super::*;

fn rule(method: Method, classes: u8) -> ClassRule {
    ClassRule { method, classes, ..ClassRule::default() }
}

fn manual_rule(classes: u8, breaks: &[f64]) -> ClassRule {
    ClassRule { breaks: breaks.to_vec(), ..rule(Method::Manual, classes) }
}

fn found(values: &[f64], rule: &ClassRule) -> Classification {
    classify(values, rule, Vec::new()).unwrap()
}

#[test]
fn a_fisher_jenks_break_is_the_largest_value_of_the_lower_class() {
    let classes = found(&[100.0, 1.0, 2.0, 0.0, 101.0, 103.0, 50.0], &rule(Method::FisherJenks, 3));
    assert_eq!(classes.breaks, [0.0, 2.0, 50.0, 103.0]);
    assert_eq!(classes.counts, [3, 1, 3]);
    assert!(classes.gvf > 0.99);
}

#[test]
fn repeated_values_stay_in_one_class() {
    let classes = found(&[-1.0, 2.0, -1.0, 2.0, -1.0, -1.0], &rule(Method::FisherJenks, 2));
    assert_eq!((classes.breaks, classes.counts, classes.gvf), (vec![-1.0, -1.0, 2.0], vec![4, 2], 1.0));
}

#[test]
fn fewer_different_values_than_classes_give_fewer_classes() {
    for method in [Method::FisherJenks, Method::Quantile, Method::EqualInterval] {
        assert!(found(&[3.0, 1.0, 3.0], &rule(method, 5)).classes() <= 2, "{method:?}");
        let single = found(&[7.0, 7.0], &rule(method, 5));
        assert_eq!((single.breaks, single.counts, single.gvf), (vec![7.0, 7.0], vec![2], 1.0));
    }
}

#[test]
fn no_values_give_no_classes() {
    for method in [Method::FisherJenks, Method::Quantile, Method::EqualInterval] {
        let classes = found(&[f64::NAN], &rule(method, 5));
        assert_eq!((classes.breaks, classes.counts, classes.gvf), (vec![], vec![], 0.0));
    }
    assert_eq!(found(&[], &manual_rule(3, &[1.0, 2.0])).breaks, [] as [f64; 0]);
}

#[test]
fn quantiles_on_the_same_value_are_one_break() {
    let classes = found(&[0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0], &rule(Method::Quantile, 4));
    assert_eq!(classes.breaks, [0.0, 0.0, 1.5, 3.0]);
    assert_eq!(classes.counts, [4, 1, 2]);
}

#[test]
fn quantiles_between_values_are_those_of_definition_7() {
    let sorted = [454.0, 468.0, 469.0, 500.0];
    let quantiles = [1, 5, 10, 15, 19, 20].map(|part| methods::quantile_type_7(&sorted, part, 20));
    assert_eq!(quantiles.to_vec(), [456.1, 464.5, 468.5, 476.75, 495.35, 500.0]);
}

#[test]
fn manual_breaks_may_be_the_inner_ones_or_all() {
    let values = [1.0, 2.0, 3.0, 4.0];
    let inner = found(&values, &manual_rule(3, &[2.0, 3.0]));
    let all = found(&values, &manual_rule(3, &[1.0, 2.0, 3.0, 4.0]));
    assert_eq!((&inner.breaks, &inner.counts), (&all.breaks, &all.counts));
    assert_eq!((inner.breaks, inner.counts), (vec![1.0, 2.0, 3.0, 4.0], vec![2, 1, 1]));
}

#[test]
fn manual_outer_classes_stretch_to_the_values() {
    let classes = found(&[-5.0, 2.5, 99.0], &manual_rule(3, &[1.0, 2.0, 3.0, 4.0]));
    assert_eq!((classes.breaks, classes.counts), (vec![-5.0, 2.0, 3.0, 99.0], vec![1, 1, 1]));
    let narrow = found(&[12.0, 18.0], &manual_rule(3, &[10.0, 20.0]));
    assert_eq!((narrow.breaks, narrow.counts), (vec![10.0, 10.0, 20.0, 20.0], vec![0, 2, 0]));
}

#[test]
fn breaks_that_a_method_found_are_accepted_as_manual_ones() {
    let values = [-2.0, 0.0, 1.0];
    let auto = found(&values, &rule(Method::FisherJenks, 2));
    assert_eq!(auto.breaks, [-2.0, -2.0, 1.0]);
    assert_eq!(found(&values, &manual_rule(2, &auto.breaks)).counts, auto.counts);
}

#[test]
fn head_and_tail_part_at_the_means_while_the_head_is_a_minority() {
    let values = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 29.0];
    let classes = found(&values, &rule(Method::HeadTail, 9));
    assert_eq!((classes.breaks, classes.counts), (vec![1.0, 5.0, 29.0], vec![7, 1]));
    let half = ClassRule { threshold: Some(0.5), ..rule(Method::HeadTail, 9) };
    let steep = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 8.0];
    assert_eq!(found(&steep, &half).breaks, [1.0, 2.25, 6.0, 8.0]);
    assert_eq!(found(&steep, &ClassRule { classes: 2, ..half }).breaks, [1.0, 2.25, 8.0]);
}

#[test]
fn standard_deviations_are_counted_from_the_mean_of_a_sample() {
    let classes = found(&[2.0, 4.0, 6.0], &rule(Method::StandardDeviation, 2));
    assert_eq!((classes.breaks, classes.counts), (vec![2.0, 4.0, 6.0], vec![2, 1]));
}

#[test]
fn pretty_breaks_are_round_numbers() {
    assert_eq!(
        found(&[0.3, 7.0, 8.0, 9.0, 21.9], &rule(Method::Pretty, 5)).breaks,
        [0.3, 5.0, 10.0, 15.0, 20.0, 21.9]
    );
    assert_eq!(
        found(&[-120.0, 3.0, 380.0, 9.0], &rule(Method::Pretty, 3)).breaks,
        [-120.0, 0.0, 200.0, 380.0]
    );
}

#[test]
fn geometric_breaks_are_equal_ratios_of_positive_values() {
    let classes = found(&[1.0, 5.0, 50.0, 1000.0], &rule(Method::Geometric, 3));
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
    assert!(classes.breaks.iter().zip([1.0, 10.0, 100.0, 1000.0]).all(|(a, b)| near(*a, b)));
    let refused = classify(&[0.0, 5.0], &rule(Method::Geometric, 3), Vec::new());
    assert_eq!(refused, Err(ClassifyError::NotPositive(0.0)));
}

#[test]
fn diverging_breaks_lie_equally_far_to_both_sides_of_the_reference() {
    let values = [8.0, 9.0, 10.0, 11.0, 14.0];
    let even = ClassRule { reference: Some(10.0), ..rule(Method::Diverging, 4) };
    let classes = found(&values, &even);
    assert_eq!((classes.breaks, classes.counts), (vec![6.0, 8.0, 10.0, 12.0, 14.0], vec![1, 2, 1, 1]));
    let odd = found(&values, &ClassRule { classes: 3, ..even.clone() });
    assert_eq!((odd.breaks, odd.counts), (vec![6.0, 8.0, 12.0, 14.0], vec![1, 3, 1]));
    let refused = classify(&values, &ClassRule { reference: None, ..even }, Vec::new());
    assert_eq!(refused, Err(ClassifyError::NoReference));
}

#[test]
fn what_cannot_be_classified_is_refused() {
    let refused = |values: &[f64], rule: &ClassRule| classify(values, rule, Vec::new()).unwrap_err();
    assert_eq!(refused(&[1.0], &rule(Method::FisherJenks, 0)), ClassifyError::Classes(0));
    assert_eq!(refused(&[1.0], &rule(Method::Quantile, 10)), ClassifyError::Classes(10));
    assert_eq!(refused(&[f64::INFINITY], &rule(Method::Quantile, 3)), ClassifyError::TooLarge(f64::INFINITY));
    assert_eq!(refused(&[1.0], &manual_rule(5, &[])), ClassifyError::NoBreaks);
    assert_eq!(refused(&[1.0], &manual_rule(3, &[2.0, 2.0])), ClassifyError::NotAscending(2.0, 2.0));
    assert_eq!(refused(&[1.0], &manual_rule(2, &[3.0, 2.0, 4.0])), ClassifyError::NotAscending(3.0, 2.0));
    assert!(matches!(refused(&[1.0], &manual_rule(2, &[f64::NAN])), ClassifyError::TooLarge(_)));
}

#[test]
fn small_differences_beside_a_huge_value_are_still_found() {
    let mut values: Vec<f64> = [0.0, 0.001, 0.002, 0.5, 0.501].to_vec();
    values.push(1e12);
    assert_eq!(found(&values, &rule(Method::FisherJenks, 3)).counts, [3, 2, 1]);
    let tiny: Vec<f64> = values.iter().map(|v| v * 1e-280).collect();
    assert_eq!(found(&tiny, &rule(Method::FisherJenks, 3)).counts, [3, 2, 1]);
    let large: Vec<f64> = values.iter().map(|v| v * 1e287).collect();
    assert_eq!(found(&large, &rule(Method::FisherJenks, 3)).counts, [3, 2, 1]);
}

#[test]
fn the_summary_has_the_shape_of_the_command_line() {
    let classes = found(&[1.0, 2.0, 4.0], &rule(Method::EqualInterval, 2));
    let json = serde_json::to_value(Summary::from(&classes)).unwrap();
    assert_eq!(json["method"], "equal-interval");
    assert_eq!(json["breaks"], serde_json::json!([1.0, 2.5, 4.0]));
    assert_eq!(json["counts"], serde_json::json!([2, 1]));
    assert!(json["gvf"].is_f64());
}

/// Sum of squared deviations inside classes of these sizes.
fn deviations(sorted: &[f64], counts: &[usize]) -> f64 {
    let mut rest = sorted;
    let mut sum = 0.0;
    for &count in counts {
        let (part, after) = rest.split_at(count);
        let mean = part.iter().sum::<f64>() / count.max(1) as f64;
        sum += part.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        rest = after;
    }
    sum
}

/// The least deviations of all partitions into `k` classes, by trying each.
fn brute_force(sorted: &[f64], k: usize) -> f64 {
    if k == 1 {
        return deviations(sorted, &[sorted.len()]);
    }
    (1..=sorted.len() - k + 1)
        .map(|first| deviations(sorted, &[first]) + brute_force(&sorted[first..], k - 1))
        .fold(f64::INFINITY, f64::min)
}

/// The methods that find breaks from the values alone, or with a reference.
const FINDING: [Method; 8] = [
    Method::FisherJenks,
    Method::Quantile,
    Method::EqualInterval,
    Method::HeadTail,
    Method::StandardDeviation,
    Method::Pretty,
    Method::Geometric,
    Method::Diverging,
];

proptest! {
    #[test]
    fn fisher_jenks_is_as_good_as_the_best_of_all_partitions(
        mut values in prop::collection::vec((-40_i32..40).prop_map(|v| f64::from(v) / 4.0), 1..11),
        k in 1_u8..6,
    ) {
        let classes = found(&values, &rule(Method::FisherJenks, k));
        values.sort_by(f64::total_cmp);
        let best = brute_force(&values, usize::from(k).min(values.len()));
        prop_assert!((deviations(&values, &classes.counts) - best).abs() < 1e-9);
    }

    #[test]
    fn every_method_counts_each_value_once_and_in_its_class(
        values in prop::collection::vec(prop_oneof![-1e6..1e6, Just(0.0), Just(f64::NAN), -1e290..1e290], 0..60),
        method in prop::sample::select(FINDING.to_vec()),
        k in 1_u8..=9,
        reference in -1e6..1e6,
    ) {
        let asked = ClassRule { reference: Some(reference), ..rule(method, k) };
        let classes = match classify(&values, &asked, Vec::new()) {
            Err(ClassifyError::NotPositive(_)) => return Ok(()),
            classes => classes.unwrap(),
        };
        prop_assert!(classes.classes() <= usize::from(MAX_CLASSES));
        let mut counts = vec![0; classes.classes()];
        for value in values.iter().filter(|v| !v.is_nan()) {
            counts[usize::from(classes.class_of(*value).unwrap())] += 1;
        }
        prop_assert_eq!(&counts, &classes.counts);
        prop_assert!(classes.breaks.windows(2).skip(1).all(|pair| pair[0] < pair[1]));
        prop_assert!((0.0..=1.0).contains(&classes.gvf));
    }
}
