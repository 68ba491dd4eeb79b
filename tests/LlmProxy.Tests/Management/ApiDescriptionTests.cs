using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class ApiDescriptionTests : IAsyncLifetime
{
    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Is_the_same_as_the_committed_file()
    {
        var file = Repository.PathOf("api/openapi.yaml");
        var generated = await GenerateYamlAsync();
        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(file, generated, TestContext.Current.CancellationToken);
        }

        var committed = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);

        Assert.True(generated == committed,
            "api/openapi.yaml is not what the endpoints say. Run the tests once with UPDATE_OPENAPI=1 and commit it.");
    }

    [Fact]
    public async Task Is_served_to_anybody()
    {
        var answer = await _server.Caller(token: null).AskAsync("GET", "/openapi.json");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("3.1", answer.Json["openapi"]!.GetValue<string>()[..3]);
    }

    private async Task<string> GenerateYamlAsync()
    {
        var provider = _server.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>("v1");
        var document = await provider.GetOpenApiDocumentAsync(TestContext.Current.CancellationToken);
        await using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        document.SerializeAsV31(new OpenApiYamlWriter(text));
        return text.ToString().TrimEnd() + "\n";
    }
}
