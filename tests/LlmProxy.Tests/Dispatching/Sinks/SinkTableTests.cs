using LlmProxy.Dispatching.Sinks;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class SinkTableTests
{
    private static readonly Secret Key = new(Given.ApiKey);

    public static TheoryData<string> Remote => ["lunary", "helicone", "webhook", "otlp"];

    [Fact]
    public void The_services_are_those_that_the_command_line_names() =>
        Assert.Equal("file, lunary, helicone, webhook, otlp", string.Join(", ", SinkTable.Names));

    [Theory]
    [InlineData("lunary")]
    [InlineData("helicone")]
    [InlineData("otlp")]
    public async Task A_service_with_an_address_of_its_own_needs_none(string service)
    {
        await using var sink = SinkTable.Open(new SinkTarget(service, null, Key), TimeProvider.System);

        Assert.StartsWith(service, sink.GetType().Name, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("lunary", "--api-key: lunary needs a key; LLM_PROXY_API_KEY may hold it.")]
    [InlineData("helicone", "--api-key: helicone needs a key; LLM_PROXY_API_KEY may hold it.")]
    [InlineData("file", "--endpoint: file needs the path of the file that events are appended to.")]
    [InlineData("webhook", "--endpoint: webhook needs the URL that events are posted to.")]
    [InlineData("webhook", "--api-key: webhook needs a key; LLM_PROXY_API_KEY may hold it.")]
    [InlineData("kafka", "--service: 'kafka' is none of file, lunary, helicone, webhook, otlp.")]
    public void What_is_missing_stops_the_start_with_the_name_of_its_option(string service, string sentence) =>
        Assert.Contains(sentence, FailureOf(new SinkTarget(service, null, null)), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Remote))]
    public void A_blank_key_is_no_key(string service)
    {
        var failure = Record.Exception(() =>
            SinkTable.Open(new SinkTarget(service, "https://example.org/x", new Secret(" ")), TimeProvider.System));

        Assert.Equal(service != "otlp", failure is StartFailure);
    }

    [Theory]
    [InlineData("events.example.org")]
    [InlineData("/v1/runs")]
    [InlineData("ftp://example.org/")]
    [InlineData("https://")]
    [InlineData("https://user:hunter2@example.org/")]
    [InlineData("https://example.org/#hunter2")]
    public void An_endpoint_that_is_no_plain_url_stops_the_start_and_is_not_shown(string endpoint)
    {
        var sentence = FailureOf(new SinkTarget("webhook", endpoint, Key));

        Assert.StartsWith("--endpoint: ", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ключ")]
    [InlineData("a\nb")]
    [InlineData("x y: ")]
    [InlineData("x-team: ")]
    public void A_key_that_no_header_can_have_stops_the_start_and_is_not_shown(string key)
    {
        var sentence = FailureOf(new SinkTarget("otlp", null, new Secret(key)));

        Assert.StartsWith("--api-key: ", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(key, sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_target_does_not_show_its_key() =>
        Assert.DoesNotContain(
            Given.ApiKey, new SinkTarget("lunary", null, Key).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("lunary", "", "/v1/runs/ingest")]
    [InlineData("lunary", "proxy/ingest", "/proxy/ingest")]
    [InlineData("helicone", "", "/oai/v1/log")]
    [InlineData("helicone", "trace/custom/v1/log", "/trace/oai/v1/log")]
    [InlineData("helicone", "log", "/log")]
    [InlineData("webhook", "", "/")]
    [InlineData("webhook", "hook?sig=1", "/hook?sig=1")]
    [InlineData("otlp", "", "/v1/traces")]
    [InlineData("otlp", "otlp/", "/otlp/v1/traces")]
    [InlineData("otlp", "otlp/v1/traces", "/otlp/v1/traces")]
    public async Task A_path_is_taken_as_it_is_and_completed_when_there_is_none(
        string service, string path, string target)
    {
        await using var server = await FakeService.StartAsync();
        await using var sink = SinkTable.Open(
            new SinkTarget(service, server.Address + path, Key), TimeProvider.System);

        await sink.DeliverAsync(Given.Record(Given.WithoutBodies()));

        Assert.Equal(target, Assert.Single(server.Received).Target);
    }

    [Theory]
    [InlineData("secret-of-mine", "Authorization", "Bearer secret-of-mine")]
    [InlineData("c2VjcmV0==", "Authorization", "Bearer c2VjcmV0==")]
    [InlineData("x-honeycomb-team: secret", "x-honeycomb-team", "secret")]
    [InlineData("Authorization: Basic cGs6c2s=", "Authorization", "Basic cGs6c2s=")]
    public async Task A_collectors_key_goes_behind_bearer_or_into_the_header_that_is_named(
        string key, string name, string value)
    {
        await using var server = await FakeService.StartAsync();
        await using var sink = SinkTable.Open(
            new SinkTarget("otlp", server.Address.AbsoluteUri, new Secret(key)), TimeProvider.System);

        await sink.DeliverAsync(Given.Record(Given.WithoutBodies()));

        Assert.Equal(value, Assert.Single(server.Received).Headers[name]);
    }

    [Fact]
    public async Task A_collector_that_asks_for_no_key_gets_none()
    {
        await using var server = await FakeService.StartAsync();
        await using var sink = SinkTable.Open(
            new SinkTarget("otlp", server.Address.AbsoluteUri, null), TimeProvider.System);

        await sink.DeliverAsync(Given.Record(Given.WithoutBodies()));

        Assert.False(Assert.Single(server.Received).Headers.ContainsKey("Authorization"));
    }

    private static string FailureOf(SinkTarget target) =>
        Assert.Throws<StartFailure>(() => SinkTable.Open(target, TimeProvider.System)).Message;
}
