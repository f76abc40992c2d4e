//! S3 and Rekognition for the three functions.
