//! The datasets of a target, found or created.

use aws::rekognition::{ErrorKind, Side};

use crate::error::RunError;
use crate::request::target::{Datasets, project_name};
use crate::state::dataset::LaneSide;
use crate::work::Work;

impl Work<'_> {
    /// The datasets of the target, created where that is allowed.
    pub(crate) async fn find_datasets(&self) -> Result<Vec<(LaneSide, String)>, RunError> {
        let needs_train = self.target.test_fraction < 1.0;
        let needs_test = self.target.test_fraction > 0.0;
        let (train, test) = match &self.target.datasets {
            Datasets::Given { train, test } => (train.clone(), test.clone()),
            Datasets::OfProject { arn } => {
                let name = project_name(arn).unwrap_or_default();
                let until = self.invocation.budget.until;
                let found = self
                    .clients
                    .rekognition
                    .project_datasets(name, until)
                    .await?;
                let find = |side| {
                    let dataset = found.iter().find(|dataset| dataset.side == side);
                    dataset.map(|dataset| dataset.arn.clone())
                };
                let mut train = find(Side::Train);
                let mut test = find(Side::Test);
                if needs_train && train.is_none() {
                    train = Some(self.create(arn, LaneSide::Train).await?);
                }
                if needs_test && test.is_none() {
                    test = Some(self.create(arn, LaneSide::Test).await?);
                }
                (train, test)
            }
        };
        let train = train.filter(|_| needs_train);
        let test = test.filter(|_| needs_test);
        let train = train.map(|arn| (LaneSide::Train, arn));
        let test = test.map(|arn| (LaneSide::Test, arn));
        Ok(train.into_iter().chain(test).collect())
    }

    async fn create(&self, project_arn: &str, side: LaneSide) -> Result<String, RunError> {
        let missing = || RunError::NoDataset {
            project_arn: project_arn.to_owned(),
            side: side.name(),
        };
        if !self.config.create_datasets {
            return Err(missing());
        }
        let until = self.invocation.budget.until;
        let rekognition = &self.clients.rekognition;
        match rekognition
            .create_dataset(project_arn, side.into(), until)
            .await
        {
            Ok(arn) => Ok(arn),
            Err(error) if error.kind == ErrorKind::AlreadyExists => {
                let name = project_name(project_arn).unwrap_or_default();
                let found = rekognition.project_datasets(name, until).await?;
                let dataset = found
                    .into_iter()
                    .find(|dataset| dataset.side == side.into());
                dataset.map(|dataset| dataset.arn).ok_or_else(missing)
            }
            Err(error) => Err(error.into()),
        }
    }
}
