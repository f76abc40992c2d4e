//! The inputs of the operations, as the service model has them.
//!
//! Source: botocore's copy of the service model, rekognition/2016-06-27.

use super::shape::{Pattern, Shape, optional, required};

/// Largest `Changes.GroundTruth` in bytes before base64, inclusive. Source: GroundTruthBlob.
const CHANGES_BYTES_MAX: u64 = 5_242_880;

static PROJECT_ARN_FORM: Pattern = Pattern::new(
    r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/[0-9]+$)",
);
static DATASET_ARN_FORM: Pattern = Pattern::new(
    r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/dataset\/(train|test)\/[0-9]+$)",
);
static VERSION_ARN_FORM: Pattern = Pattern::new(
    r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/version\/[a-zA-Z0-9_.\-]{1,255}\/[0-9]+$)",
);
static NAME_FORM: Pattern = Pattern::new(r"[a-zA-Z0-9_.\-]+");
static LABEL_FORM: Pattern = Pattern::new(".{1,}");
static BUCKET_FORM: Pattern = Pattern::new(r"[0-9A-Za-z\.\-_]*");
static SOURCE_REF_FORM: Pattern = Pattern::new(r".*\S.*");
static KMS_KEY_FORM: Pattern = Pattern::new("^[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2048}$");
static DESCRIPTION_FORM: Pattern = Pattern::new("[a-zA-Z0-9-_. ()':,;?]+");

static PROJECT_ARN: Shape = Shape::Text(20, 2048, Some(&PROJECT_ARN_FORM));
static DATASET_ARN: Shape = Shape::Text(20, 2048, Some(&DATASET_ARN_FORM));
static VERSION_ARN: Shape = Shape::Text(20, 2048, Some(&VERSION_ARN_FORM));
static NAME: Shape = Shape::Text(1, 255, Some(&NAME_FORM));
static NAMES: Shape = Shape::List(1, 10, &NAME);
static TOKEN: Shape = Shape::Text(0, 1024, None);
static PAGE_SIZE: Shape = Shape::Integer(1, 100);
static FEATURE: Shape = Shape::OneOf(&["CONTENT_MODERATION", "CUSTOM_LABELS"]);
static TAGS: Shape = Shape::Tags(200);
static BOOLEAN: Shape = Shape::Boolean;
static LABEL: Shape = Shape::Text(1, 255, Some(&LABEL_FORM));
static BUCKET: Shape = Shape::Text(3, 255, Some(&BUCKET_FORM));
static KEY: Shape = Shape::Text(1, 1024, None);
static S3_OBJECT: Shape = Shape::Structure(&[
    optional("Bucket", &BUCKET),
    optional("Name", &KEY),
    optional("Version", &KEY),
]);
static MANIFEST: Shape = Shape::Structure(&[optional("S3Object", &S3_OBJECT)]);
static ASSETS: Shape = Shape::List(
    0,
    u64::MAX,
    &Shape::Structure(&[optional("GroundTruthManifest", &MANIFEST)]),
);
static UNITS: Shape = Shape::Integer(1, i64::MAX);

pub(crate) static CREATE_PROJECT: Shape = Shape::Structure(&[
    required("ProjectName", &NAME),
    optional("Feature", &FEATURE),
    optional("AutoUpdate", &Shape::OneOf(&["ENABLED", "DISABLED"])),
    optional("Tags", &TAGS),
]);
pub(crate) static DESCRIBE_PROJECTS: Shape = Shape::Structure(&[
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
    optional("ProjectNames", &NAMES),
    optional("Features", &Shape::List(1, 2, &FEATURE)),
]);
pub(crate) static ONE_PROJECT: Shape = Shape::Structure(&[required("ProjectArn", &PROJECT_ARN)]);
pub(crate) static CREATE_DATASET: Shape = Shape::Structure(&[
    optional(
        "DatasetSource",
        &Shape::Structure(&[
            optional("GroundTruthManifest", &MANIFEST),
            optional("DatasetArn", &DATASET_ARN),
        ]),
    ),
    required("DatasetType", &Shape::OneOf(&["TRAIN", "TEST"])),
    required("ProjectArn", &PROJECT_ARN),
    optional("Tags", &TAGS),
]);
pub(crate) static ONE_DATASET: Shape = Shape::Structure(&[required("DatasetArn", &DATASET_ARN)]);
pub(crate) static UPDATE_DATASET_ENTRIES: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    required(
        "Changes",
        &Shape::Structure(&[required("GroundTruth", &Shape::Blob(1, CHANGES_BYTES_MAX))]),
    ),
]);
pub(crate) static LIST_DATASET_ENTRIES: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    optional("ContainsLabels", &Shape::List(1, 10, &LABEL)),
    optional("Labeled", &BOOLEAN),
    optional(
        "SourceRefContains",
        &Shape::Text(1, 2048, Some(&SOURCE_REF_FORM)),
    ),
    optional("HasErrors", &BOOLEAN),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
pub(crate) static LIST_DATASET_LABELS: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
pub(crate) static DISTRIBUTE: Shape = Shape::Structure(&[required(
    "Datasets",
    &Shape::List(2, 2, &Shape::Structure(&[required("Arn", &DATASET_ARN)])),
)]);
pub(crate) static CREATE_PROJECT_VERSION: Shape = Shape::Structure(&[
    required("ProjectArn", &PROJECT_ARN),
    required("VersionName", &NAME),
    required(
        "OutputConfig",
        &Shape::Structure(&[
            optional("S3Bucket", &BUCKET),
            optional("S3KeyPrefix", &Shape::Text(0, 1024, None)),
        ]),
    ),
    optional(
        "TrainingData",
        &Shape::Structure(&[optional("Assets", &ASSETS)]),
    ),
    optional(
        "TestingData",
        &Shape::Structure(&[
            optional("Assets", &ASSETS),
            optional("AutoCreate", &BOOLEAN),
        ]),
    ),
    optional("Tags", &TAGS),
    optional("KmsKeyId", &Shape::Text(1, 2048, Some(&KMS_KEY_FORM))),
    optional(
        "VersionDescription",
        &Shape::Text(1, 255, Some(&DESCRIPTION_FORM)),
    ),
    optional("FeatureConfig", &Shape::Structure(&[])),
]);
pub(crate) static DESCRIBE_PROJECT_VERSIONS: Shape = Shape::Structure(&[
    required("ProjectArn", &PROJECT_ARN),
    optional("VersionNames", &NAMES),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
pub(crate) static ONE_VERSION: Shape =
    Shape::Structure(&[required("ProjectVersionArn", &VERSION_ARN)]);
pub(crate) static START_PROJECT_VERSION: Shape = Shape::Structure(&[
    required("ProjectVersionArn", &VERSION_ARN),
    required("MinInferenceUnits", &UNITS),
    optional("MaxInferenceUnits", &UNITS),
]);
pub(crate) static DETECT_CUSTOM_LABELS: Shape = Shape::Structure(&[
    required("ProjectVersionArn", &VERSION_ARN),
    required(
        "Image",
        &Shape::Structure(&[
            optional("Bytes", &Shape::Blob(1, 5_242_880)),
            optional("S3Object", &S3_OBJECT),
        ]),
    ),
    optional("MaxResults", &Shape::Integer(0, i64::MAX)),
    optional("MinConfidence", &Shape::Float(0.0, 100.0)),
]);
