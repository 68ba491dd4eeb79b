using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Cli;

/// <summary>
/// A server on loopback with the management API's wire form, so that the commands are tested against bytes. Pages hold
/// two items; one path can be told to fail.
/// </summary>
internal sealed class FakeApi : IAsyncDisposable
{
    public const string ManagementToken = "management-token-of-the-tests";
    public const string Secret = "llmp_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi";

    private const int PageSize = 2;
    private readonly WebApplication _app;
    private readonly JsonArray _projects = [];
    private readonly JsonArray _tokens = [];

    private FakeApi()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Use(JudgeAsync);
        Map(_app, "projects", _projects, MakeProject);
        Map(_app, "tokens", _tokens, MakeToken);
    }

    public Uri Address { get; private set; } = null!;

    /// <summary>Method, target and body of everything that was received.</summary>
    public List<(string Line, string Body)> Received { get; } = [];

    /// <summary>What every request is answered with instead, when set.</summary>
    public (int Status, string Body)? Answer { get; set; }

    public IReadOnlyList<JsonNode> Projects => [.. _projects.Select(static project => project!)];

    public IReadOnlyList<JsonNode> Tokens => [.. _tokens.Select(static token => token!)];

    public static async Task<FakeApi> StartAsync()
    {
        var api = new FakeApi();
        await api._app.StartAsync();
        api.Address = new Uri(api._app.Urls.First());
        return api;
    }

    public RunningProgram AsProgram() => new(Address, new TaskCompletionSource().Task, new Nothing());

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task JudgeAsync(HttpContext http, RequestDelegate next)
    {
        http.Request.EnableBuffering();
        using var reader = new StreamReader(http.Request.Body, leaveOpen: true);
        var target = $"{http.Request.Path}{http.Request.QueryString}";
        Received.Add(($"{http.Request.Method} {target}", await reader.ReadToEndAsync()));
        http.Request.Body.Position = 0;
        http.Response.Headers["X-Request-ID"] = "request-1";
        if (http.Request.Headers.Authorization != $"Bearer {ManagementToken}")
        {
            await WriteProblemAsync(http, 401, "unauthorized", "The management token is missing or wrong.");
        }
        else if (Answer is { } answer)
        {
            http.Response.StatusCode = answer.Status;
            await http.Response.WriteAsync(answer.Body);
        }
        else
        {
            await next(http);
        }
    }

    private static void Map(IEndpointRouteBuilder app, string name, JsonArray rows, Func<JsonObject, JsonObject?> make)
    {
        app.MapGet($"/manage/{name}", async (HttpContext http) =>
        {
            var cursor = (string?)http.Request.Query["cursor"];
            var start = cursor is null ? 0 : int.Parse(cursor, CultureInfo.InvariantCulture);
            var next = start + PageSize < rows.Count ? JsonValue.Create($"{start + PageSize}") : null;
            var page = rows.Skip(start).Take(PageSize).Select(static row => row!.DeepClone()).ToArray();
            await WriteAsync(http, 200, new JsonObject { ["data"] = new JsonArray(page), ["next_cursor"] = next });
        });
        app.MapPost($"/manage/{name}", async (HttpContext http) =>
        {
            if (make((JsonObject)(await JsonNode.ParseAsync(http.Request.Body))!) is not { } made)
            {
                await WriteProblemAsync(http, 409, "duplicate_name", "There is a project with this name.", "name");
                return;
            }

            var kept = (JsonObject)made.DeepClone();
            kept.Remove("token");
            rows.Add(kept);
            await WriteAsync(http, 201, made);
        });
        app.MapMethods($"/manage/{name}/{{id}}", ["GET", "PATCH", "DELETE"], async (HttpContext http, string id) =>
        {
            if (rows.FirstOrDefault(row => (string?)row!["id"] == id) is not JsonObject row)
            {
                await WriteProblemAsync(http, 404, "not_found", "There is no such thing.");
                return;
            }

            switch (http.Request.Method)
            {
                case "DELETE":
                    rows.Remove(row);
                    http.Response.StatusCode = 204;
                    break;
                case "PATCH":
                    foreach (var (member, value) in (JsonObject)(await JsonNode.ParseAsync(http.Request.Body))!)
                    {
                        row[member] = value?.DeepClone();
                    }

                    goto default;
                default:
                    await WriteAsync(http, 200, row);
                    break;
            }
        });
    }

    private JsonObject? MakeProject(JsonObject wanted)
    {
        if (_projects.Any(project => (string?)project!["name"] == (string?)wanted["name"]))
        {
            return null;
        }

        var key = (string)wanted["api_key"]!;
        return new JsonObject
        {
            ["id"] = $"project-{_projects.Count + 1}",
            ["name"] = (string?)wanted["name"],
            ["is_active"] = true,
            ["api_key_last_four"] = key[^4..],
            ["created_at"] = "2026-01-02T03:04:05Z",
            ["updated_at"] = "2026-01-02T03:04:05Z",
        };
    }

    private JsonObject MakeToken(JsonObject wanted) => new()
    {
        ["id"] = $"token-{_tokens.Count + 1}",
        ["token"] = Secret,
        ["project_id"] = (string?)wanted["project_id"],
        ["is_active"] = true,
        ["expires_at"] = "2026-01-03T03:04:05Z",
        ["max_requests"] = wanted["max_requests"]?.DeepClone(),
        ["request_count"] = 0,
        ["created_at"] = "2026-01-02T03:04:05Z",
        ["last_used_at"] = null,
    };

    private static Task WriteProblemAsync(
        HttpContext http, int status, string code, string detail, string? field = null)
    {
        var problem = new JsonObject { ["status"] = status, ["code"] = code, ["detail"] = detail };
        if (field is not null)
        {
            problem["field"] = field;
        }

        return WriteAsync(http, status, problem);
    }

    private static Task WriteAsync(HttpContext http, int status, JsonNode body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = status < 400 ? "application/json" : "application/problem+json";
        return http.Response.WriteAsync(body.ToJsonString(new JsonSerializerOptions()));
    }

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
