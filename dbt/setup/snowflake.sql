-- What dbt needs in a Snowflake account, once. Read it, put your bucket, role and key in, and run it as ACCOUNTADMIN (snow sql -f,
-- or a worksheet). Running it again changes nothing. It was checked by a grammar only: docs/snowflake.md says how far that goes.
--
-- Names that dbt knows by its environment: ANALYTICS (SNOWFLAKE_DATABASE), TRANSLOAD (SNOWFLAKE_SCHEMA and SNOWFLAKE_WAREHOUSE),
-- TRANSLOAD_DBT (SNOWFLAKE_ROLE and SNOWFLAKE_USER), TRANSLOAD.TRANSLOAD_LAKE (SNOWFLAKE_STAGE).

-- 1. The way to the lake: a role of AWS that Snowflake takes on; no key is stored. Allowed is the lake and nothing beside it.
--    `desc integration TRANSLOAD_LAKE` then says whom that role must trust: STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID.
--    The role needs s3:GetObject and s3:GetObjectVersion on the lake's objects, s3:ListBucket and s3:GetBucketLocation on the
--    bucket. It needs no right to write.
create storage integration if not exists TRANSLOAD_LAKE
    type = external_stage
    storage_provider = 'S3'
    enabled = true
    storage_aws_role_arn = 'arn:aws:iam::000000000000:role/transload-snowflake'
    storage_allowed_locations = ('s3://your-bucket/your-prefix/');

-- 2. Where things are. What has to do with the lake is in the schema TRANSLOAD; dbt makes its other schemas itself.
create database if not exists ANALYTICS;
create schema if not exists ANALYTICS.TRANSLOAD;
create schema if not exists ANALYTICS.TRANSLOAD_MARTS;

-- 3. How parts and commit records are read: .json, .json.gz and .json.zst, a record a line. The compression is told from the file.
--    Nothing is guessed: a text like "null" or "\N" stays a text, and a field that is null stays a field.
create file format if not exists ANALYTICS.TRANSLOAD.TRANSLOAD_JSON
    type = json
    compression = auto
    null_if = ()
    strip_null_values = false
    strip_outer_array = false
    allow_duplicate = false
    ignore_utf8_errors = false;

-- 4. The lake as a stage. Its URL is TRANSLOAD_DESTINATION, with a slash behind.
create stage if not exists ANALYTICS.TRANSLOAD.TRANSLOAD_LAKE
    url = 's3://your-bucket/your-prefix/'
    storage_integration = TRANSLOAD_LAKE
    file_format = (format_name = ANALYTICS.TRANSLOAD.TRANSLOAD_JSON);

-- 5. What computes. A second, larger one for large models: name it in SNOWFLAKE_WAREHOUSE_LARGE.
create warehouse if not exists TRANSLOAD
    warehouse_size = 'XSMALL'
    auto_suspend = 60
    auto_resume = true
    initially_suspended = true;

-- 6. dbt's role: reads the lake through the stage, makes schemas, owns what it makes, and can do nothing else. It has neither the
--    integration nor a right on any other database.
create role if not exists TRANSLOAD_DBT;
grant role TRANSLOAD_DBT to role SYSADMIN;
grant usage on warehouse TRANSLOAD to role TRANSLOAD_DBT;
grant usage on database ANALYTICS to role TRANSLOAD_DBT;
grant create schema on database ANALYTICS to role TRANSLOAD_DBT;
grant usage on schema ANALYTICS.TRANSLOAD to role TRANSLOAD_DBT;
grant create table on schema ANALYTICS.TRANSLOAD to role TRANSLOAD_DBT;
grant create view on schema ANALYTICS.TRANSLOAD to role TRANSLOAD_DBT;
grant create external table on schema ANALYTICS.TRANSLOAD to role TRANSLOAD_DBT;
grant usage on stage ANALYTICS.TRANSLOAD.TRANSLOAD_LAKE to role TRANSLOAD_DBT;
grant usage on file format ANALYTICS.TRANSLOAD.TRANSLOAD_JSON to role TRANSLOAD_DBT;
grant usage on schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_DBT;
grant create table on schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_DBT;
grant create view on schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_DBT;

-- 7. Who reads: the marts, and what comes to be there.
create role if not exists TRANSLOAD_READER;
grant role TRANSLOAD_READER to role SYSADMIN;
grant usage on warehouse TRANSLOAD to role TRANSLOAD_READER;
grant usage on database ANALYTICS to role TRANSLOAD_READER;
grant usage on schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_READER;
grant select on future tables in schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_READER;
grant select on future views in schema ANALYTICS.TRANSLOAD_MARTS to role TRANSLOAD_READER;

-- 8. dbt's user: no password, a key pair. The public half goes here, without its first and last line; the private half goes into
--    the Secret transload-dbt-files as private_key.p8:
--    openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -out private_key.p8 -nocrypt
--    openssl rsa -in private_key.p8 -pubout
create user if not exists TRANSLOAD_DBT
    type = service
    default_role = TRANSLOAD_DBT
    default_warehouse = TRANSLOAD
    rsa_public_key = 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A';
grant role TRANSLOAD_DBT to user TRANSLOAD_DBT;
