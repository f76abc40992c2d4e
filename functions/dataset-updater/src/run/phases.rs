//! One phase after another: labels, datasets, leases, entries, the look back, the reports.

use crate::consolidate::job::Job;
use crate::consolidate::relabel::consolidated;
use crate::error::RunError;
use crate::send::entries::Inventory;
use crate::send::lane::Lane;
use crate::state::dataset::Stats;
use crate::state::origin::Origin;
use crate::state::progress::LaneProgress;
use crate::state::report::Report;
use crate::state::verified::Verified;
use crate::storage::leases::Leases;
use crate::work::Work;

impl<'a> Work<'a> {
    pub(super) async fn run(&mut self) -> Result<Report, RunError> {
        self.consolidate().await?;
        let datasets = self.find_datasets().await?;
        let checkpoint = &mut self.notes.checkpoint;
        if !checkpoint.is_of(&datasets) {
            checkpoint.forget_sent();
            let lanes = datasets.into_iter();
            checkpoint.lanes = lanes
                .map(|(side, arn)| LaneProgress::new(side, arn))
                .collect();
        }
        let (rekognition, budget) = (&self.clients.rekognition, self.invocation.budget);
        let lanes = self.notes.checkpoint.lanes.iter();
        let mut lanes: Vec<Lane<'_>> = lanes
            .map(|progress| Lane::new(rekognition, self.config, budget, progress))
            .collect();
        let mut inventory = Inventory::default();
        let leases = self.leases();
        let arns = lanes.iter().map(|lane| lane.dataset_arn.clone());
        let held = leases.take(arns.collect()).await?;
        let verified = self.land(&mut lanes, &mut inventory).await;
        leases.give_back(held).await;
        self.report(inventory, verified?).await
    }

    /// Sends entries and makes sure that they are there. To be called while the datasets' leases are held.
    async fn land(
        &mut self,
        lanes: &mut [Lane<'_>],
        inventory: &mut Inventory,
    ) -> Result<Vec<(Stats, Verified)>, RunError> {
        if let Err(error) = self.send(lanes, inventory).await {
            for lane in lanes {
                self.write_down(lane).await?;
            }
            return Err(error.after_line(self.notes.checkpoint.settled_line()));
        }
        let mut all = Vec::new();
        for lane in lanes {
            all.push(self.verify(lane, inventory).await?);
        }
        Ok(all)
    }

    fn leases(&self) -> Leases<'a> {
        Leases {
            s3: &self.clients.s3,
            folder: self.config.leases_folder(&self.request.bucket),
            kms_key_id: self.config.report_kms_key_id.clone(),
            owner: &self.invocation.owner,
            budget: &self.invocation.budget,
            look_interval: self.config.poll_interval,
        }
    }

    /// Puts labels in where the manifest lacks them, once for a version of the manifest.
    async fn consolidate(&mut self) -> Result<(), RunError> {
        match &self.notes.checkpoint.origin {
            None => {}
            Some(Origin::OutputManifest) => return Ok(()),
            Some(Origin::Consolidated { e_tag, .. }) => {
                let source = consolidated(self.files, e_tag);
                if source.is_there(&self.clients.s3).await? {
                    return Ok(());
                }
                // Somebody deleted it. The answers may say something else by now, so all entries are sent again.
                self.notes.checkpoint.start_over();
            }
        }
        let manifest = self.output_manifest();
        let job = Job {
            s3: &self.clients.s3,
            config: self.config,
            options: &self.options,
            manifest: &manifest,
            files: self.files,
            budget: &self.invocation.budget,
        };
        let origin = job.origin(&mut self.notes).await?;
        self.notes.checkpoint.origin = Some(origin);
        self.notes.save().await
    }
}
