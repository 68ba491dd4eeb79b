using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LlmProxy.Http;
using Microsoft.OpenApi;

namespace LlmProxy.Management;

/// <summary>
/// The OpenAPI document, made from the endpoints themselves at <c>/openapi.json</c>, and what the endpoints cannot
/// say: who the API is for, how one authenticates, and that the proxy path exists. The committed copy is
/// <c>api/openapi.yaml</c>.
/// </summary>
internal static class ApiDescription
{
    public const string Path = "/openapi.json";

    private const string ManagementScheme = "managementToken";
    private const string WitheringScheme = "witheringToken";

    public static IServiceCollection AddApiDescription(this IServiceCollection services)
    {
        // Schemas are made from the framework's JSON options, so these must write what the endpoints write.
        services.ConfigureHttpJsonOptions(static options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        services.DescribeTypes(HealthJson.Default).DescribeTypes(ProblemJson.Default);
        return services.AddOpenApi(options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.CreateSchemaReferenceId = static type => ApiSchemas.NameOf(type);
            options.AddSchemaTransformer(static (schema, context, _) =>
            {
                ApiSchemas.Correct(schema, context.JsonTypeInfo, context.JsonPropertyInfo);
                return Task.CompletedTask;
            });
            options.AddDocumentTransformer(static (document, _, _) =>
            {
                Introduce(document);
                AddSecuritySchemes(document);
                DropHeads(document);
                AddProxyPath(document);
                return Task.CompletedTask;
            });
            options.AddOperationTransformer(static (operation, context, aborted) =>
                ApiOperations.CompleteAsync(operation, context, ManagementScheme, aborted));
        });
    }

    /// <summary>Makes a feature's requests and answers known to the description.</summary>
    public static IServiceCollection DescribeTypes(this IServiceCollection services, IJsonTypeInfoResolver types) =>
        services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, types));

    public static void MapApiDescription(this IEndpointRouteBuilder app)
    {
        app.MapOpenApi(Path).ExcludeFromDescription();
    }

    private static void Introduce(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "llm-proxy",
            Version = HealthApi.Version,
            Summary = "A transparent, secure proxy in front of LLM provider APIs.",
            Description =
                "The management API keeps projects (tenants with a provider key) and withering tokens (limited, "
                + "revocable credentials of clients). Errors are RFC 9457 problem details with a stable `code`. Lists "
                + "come in pages: pass `next_cursor` as `cursor` until it is null.",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };

        // The document is the same wherever it is read, so the server is the one that it came from.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Tags = new HashSet<OpenApiTag>
        {
            new() { Name = "Projects", Description = "Tenants: a name, one provider key, active or not." },
            new() { Name = "Tokens", Description = "Withering tokens: issued once, limited, revocable." },
            new() { Name = "Usage", Description = "What was used, by whom, and what it cost." },
            new() { Name = "Health", Description = "Probes, without a credential." },
            new() { Name = "Proxy", Description = "The data plane, which passes requests to a provider." },
        };
    }

    private static void AddSecuritySchemes(OpenApiDocument document)
    {
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [ManagementScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "The value of `MANAGEMENT_TOKEN`.",
            },
            [WitheringScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "llmp_…",
                Description = "The secret of a withering token.",
            },
        };
    }

    /// <summary>HEAD is served wherever GET is, and says nothing of its own.</summary>
    private static void DropHeads(OpenApiDocument document)
    {
        foreach (var path in document.Paths.Values)
        {
            path.Operations?.Remove(HttpMethod.Head);
        }
    }

    private static void AddProxyPath(OpenApiDocument document)
    {
        var operation = new OpenApiOperation
        {
            OperationId = "proxy",
            Summary = "Pass a request to the provider",
            Description =
                "Stands for every path and method that the configured providers allow: `/v1/…` reaches the default "
                + "provider, `/<name>/…` any other. Bodies, headers and answers are those of the provider's own API; "
                + "the proxy replaces the credential. Where the proxy itself refuses, the error has OpenAI's form.",
            Tags = new HashSet<OpenApiTagReference> { new("Proxy", document) },
            Security = [ApiOperations.Requires(document, WitheringScheme)],
            Parameters =
            [
                new OpenApiParameter
                {
                    Name = "path",
                    In = ParameterLocation.Path,
                    Required = true,
                    Description = "What follows `/v1/` in the provider's API. May hold slashes.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                    Example = "chat/completions",
                },
            ],
            RequestBody = new OpenApiRequestBody
            {
                Description = "As the provider demands.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["*/*"] = new() },
            },
            Responses = new OpenApiResponses
            {
                ["default"] = new OpenApiResponse
                {
                    Description = "The provider's answer, or a refusal of the proxy.",
                    Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["*/*"] = new() },
                },
            },
        };
        document.Paths["/v1/{path}"] = new OpenApiPathItem
        {
            Operations = new Dictionary<HttpMethod, OpenApiOperation> { [HttpMethod.Post] = operation },
        };
    }
}
