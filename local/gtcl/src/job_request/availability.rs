//! What AWS no longer offers of what a CreateLabelingJob request may ask for.

use super::JobRequest;
use super::constraints::is_public;

/// What a person should know before all else.
///
/// Source: Ground Truth Developer Guide, "Create a Labeling Job (API)", note on availability.
pub const NO_NEW_CUSTOMERS: &str = "Ground Truth has taken no new customers since 2026-07-30: an account that never used it can't create the job; with `gtcl label`, people label on a machine of yours";

/// What of the request is for Mechanical Turk, whose workers nobody reaches any more: each with what to do instead.
///
/// Source: Mechanical Turk API Reference, "Welcome": closed on 2026-09-30.
pub fn of_mechanical_turk(request: &JobRequest) -> Vec<String> {
    let task = &request.human_task_config;
    let mut found = Vec::new();
    if is_public(task) {
        found.push(format!(
            "HumanTaskConfig.WorkteamArn: {} is Mechanical Turk's, which closed on 2026-09-30: nobody would work on the job; name a private or vendor work team, or insist with --mechanical-turk",
            task.workteam_arn
        ));
    }
    if task.public_workforce_task_price.is_some() {
        found.push(
            "HumanTaskConfig.PublicWorkforceTaskPrice: a price is for workers of Mechanical Turk alone, which closed on 2026-09-30; leave --price-usd out, or insist with --mechanical-turk"
                .to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::constraints::request_of_tests as request;
    use super::super::{PublicWorkforceTaskPrice, Usd};
    use super::*;

    #[test]
    fn teams_and_prices_of_mechanical_turk() {
        let price = PublicWorkforceTaskPrice {
            amount_in_usd: Usd {
                dollars: 0,
                cents: 1,
                tenth_fractions_of_a_cent: 2,
            },
        };
        let public = "arn:aws:sagemaker:us-east-1:394669845002:workteam/public-crowd/default";
        let vendor = "arn:aws:sagemaker:us-east-1:394669845002:workteam/vendor-crowd/v";
        for (team, has_price, expected) in [
            (None, false, &[][..]),
            (Some(vendor), false, &[]),
            (None, true, &["PublicWorkforceTaskPrice"]),
            (Some(public), false, &["WorkteamArn"]),
            (
                Some(public),
                true,
                &["WorkteamArn", "PublicWorkforceTaskPrice"],
            ),
        ] {
            let mut request = request();
            let task = &mut request.human_task_config;
            if let Some(team) = team {
                task.workteam_arn = team.to_owned();
            }
            task.public_workforce_task_price = has_price.then(|| price.clone());
            let found = of_mechanical_turk(&request);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, part) in found.iter().zip(expected) {
                assert!(found.contains(part), "{found}");
            }
        }
    }
}
