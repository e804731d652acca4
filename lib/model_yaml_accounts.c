/* placeholder */
typedef int model_yaml_accounts_placeholder;
