using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmProxy.Settings;
using LlmProxy.Tests.Cli;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace LlmProxy.Tests;

/// <summary>What the program is delivered with keeps its promises: image, compose file, workflows, units.</summary>
public sealed partial class DeployTests
{
    private const string Units = "deploy/systemd";

    // Job → what it may write. Everything else only reads the repository.
    private static readonly Dictionary<string, string[]> MayWrite = new(StringComparer.Ordinal)
    {
        ["image.yml/image"] = ["packages"],
        ["release.yml/publish"] = ["contents", "id-token", "attestations"],
        ["codeql.yml/analyze"] = ["security-events"],
    };

    // What systemd knows, and the units use (systemd.unit, systemd.service, systemd.exec, systemd.resource-control). It
    // ignores a name that it does not know, and with it a lock that somebody relied on.
    private static readonly Dictionary<string, string[]> Directives = new(StringComparer.Ordinal)
    {
        ["Unit"] = ["Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"],
        ["Service"] =
        [
            "Type", "LoadCredential", "ExecStart", "Environment", "Restart", "RestartSec", "TimeoutStopSec",
            "LimitNOFILE", "LimitCORE", "TasksMax", "DynamicUser", "User", "StateDirectory", "StateDirectoryMode",
            "LogsDirectory", "LogsDirectoryMode", "ConfigurationDirectory", "WorkingDirectory", "UMask",
            "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "DevicePolicy", "ProtectProc",
            "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "PrivateUsers", "RestrictSUIDSGID",
            "KeyringMode", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "LockPersonality",
            "MemoryDenyWriteExecute", "ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs",
            "ProtectKernelModules", "ProtectKernelTunables", "RemoveIPC", "SystemCallArchitectures",
            "SystemCallFilter", "SystemCallErrorNumber",
        ],
        ["Install"] = ["WantedBy"],
    };

    // What a unit must say, whatever else it says.
    private static readonly (string Name, string Value)[] Locks =
    [
        ("Type", "exec"), ("DynamicUser", "yes"), ("ProtectSystem", "strict"), ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"), ("PrivateDevices", "yes"), ("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""), ("RestrictNamespaces", "yes"), ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallFilter", "@system-service"), ("SystemCallFilter", "~@privileged @resources"), ("UMask", "0077"),
    ];

    [Fact]
    public async Task Every_action_of_a_workflow_is_named_by_its_commit_and_the_same_everywhere()
    {
        var uses = new List<string>();
        foreach (var file in Directory.EnumerateFiles(Repository.PathOf(".github/workflows")))
        {
            var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            uses.AddRange(Uses().Matches(text).Select(static use => use.Groups["action"].Value));
        }

        Assert.NotEmpty(uses);
        Assert.All(uses, static use => Assert.Matches(Pinned(), use));
        Assert.Equal(
            uses.Distinct(StringComparer.Ordinal).Count(),
            uses.Select(static use => use.Split('@')[0]).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Every_workflow_may_only_read_unless_the_list_says_otherwise()
    {
        foreach (var (file, workflow) in await Deployment.WorkflowsAsync())
        {
            Assert.Equal(["contents"], workflow.Map("permissions").Names, StringComparer.Ordinal);
            Assert.Equal("read", workflow.Map("permissions").Text("contents"));
            Assert.DoesNotContain("pull_request_target", workflow.Map("on").Names, StringComparer.Ordinal);
            foreach (var name in workflow.Map("jobs").Names)
            {
                var rights = workflow.Map("jobs").Map(name).Map("permissions");
                Assert.Equal(
                    MayWrite.GetValueOrDefault($"{file}/{name}", []),
                    rights.Names.Where(right => rights.Text(right) == "write"),
                    StringComparer.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Every_job_has_an_end_and_leaves_no_credential_in_its_folder()
    {
        var jobs = (await Deployment.WorkflowsAsync())
            .SelectMany(static workflow => workflow.Content.Map("jobs").Names
                .Select(name => workflow.Content.Map("jobs").Map(name)))
            .ToList();

        Assert.All(jobs, static job => Assert.Matches("^[0-9]+$", job.Text("timeout-minutes")));
        Assert.All(
            jobs.SelectMany(static job => job.Maps("steps"))
                .Where(static step => step.Text("uses").StartsWith("actions/checkout@", StringComparison.Ordinal)),
            static step => Assert.Equal("false", step.Map("with").Text("persist-credentials")));
    }

    [Fact]
    public async Task Every_service_of_the_compose_file_is_locked_down()
    {
        foreach (var (name, service) in await Deployment.ServicesAsync())
        {
            Assert.Equal((name, "true"), (name, service.Text("read_only")));
            Assert.Equal(["ALL"], service.Texts("cap_drop"));
            Assert.Equal(["no-new-privileges:true"], service.Texts("security_opt"));
            Assert.Matches("^[1-9][0-9]*:[0-9]+$", service.Text("user"));
            Assert.StartsWith("/tmp:", Assert.Single(service.Texts("tmpfs")), StringComparison.Ordinal);
            Assert.NotEmpty(service.Map("healthcheck").Texts("test"));
            Assert.NotEmpty(service.Text("mem_limit"));
            Assert.NotEmpty(service.Text("pids_limit"));
            Assert.NotEmpty(service.Text("stop_grace_period"));
            Assert.Empty(service.Text("privileged") + service.Text("network_mode") + service.Text("pid"));
            Assert.Empty(service.Texts("cap_add"));
            Assert.Matches("[^/]:[^/]*[0-9a-z]", service.Text("image"));
            Assert.DoesNotContain(":latest", service.Text("image"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_compose_file_has_no_secret_and_does_not_start_without_the_one_that_is_needed()
    {
        var secrets = (await Deployment.ServicesAsync())
            .SelectMany(static named => named.Service.Map("environment").Names
                .Where(static name => SecretName().IsMatch(name))
                .Select(name => (Name: name, Value: named.Service.Map("environment").Text(name))))
            .ToList();

        Assert.Contains(secrets, static secret => secret.Name == "MANAGEMENT_TOKEN");
        Assert.All(secrets, static secret => Assert.Matches(
            secret.Name == "MANAGEMENT_TOKEN" ? @"^\$\{MANAGEMENT_TOKEN:\?.*openssl.*\}$" : @"^\$\{[A-Z_]+:-\}$",
            secret.Value));
    }

    [Fact]
    public async Task The_compose_file_and_the_units_set_only_what_the_program_reads()
    {
        var known = KnownSettings();
        var ofServices = (await Deployment.ServicesAsync())
            .SelectMany(static named => named.Service.Map("environment").Names);
        var ofUnits = new List<string>();
        foreach (var unit in Repository.Files(Units, "*.service"))
        {
            ofUnits.AddRange((await Deployment.UnitAsync(unit))
                .Where(static said => said.Name == "Environment")
                .Select(static said => said.Value.Split('=')[0]));
        }

        Assert.All(ofServices.Concat(ofUnits), name => Assert.Contains(name, known));
    }

    [Fact]
    public async Task Every_variable_of_the_compose_file_is_in_the_guide()
    {
        var compose = await Repository.ReadAsync("docker-compose.yml");
        var guide = await Repository.ReadAsync("docs/guide/production.md");

        var variables = Variable().Matches(compose).Select(static match => match.Groups["name"].Value)
            .Where(static name => name != "LOG_LEVEL");

        Assert.All(variables, name => Assert.Contains($"`{name}`", guide, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_image_is_built_on_bases_with_a_version_and_runs_as_nobody_of_consequence()
    {
        var dockerfile = await Deployment.DockerfileAsync();

        Assert.All(
            dockerfile.Where(static line => line.StartsWith("FROM ", StringComparison.Ordinal)),
            static from => Assert.Matches(@"^FROM (--platform=\S+ )?[\w./-]+:[0-9][\w.-]*( AS \w+)?$", from));
        var last = dockerfile.Skip(1 + dockerfile.Select((line, at) => (line, at))
            .Last(static line => line.line.StartsWith("FROM ", StringComparison.Ordinal)).at).ToList();
        Assert.Contains("-chiseled", dockerfile[dockerfile.Count - last.Count - 1], StringComparison.Ordinal);
        Assert.Matches(
            "^USER [1-9][0-9]*:",
            Assert.Single(last, static line => line.StartsWith("USER ", StringComparison.Ordinal)));
        Assert.Matches(
            """CMD \["/app/llm-proxy", "health"\]$""",
            Assert.Single(last, static line => line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal)));
        Assert.Contains(
            """VOLUME ["/app/data", "/app/logs", "/app/config", "/app/certs"]""", last, StringComparer.Ordinal);

        // There is no shell that could run anything.
        Assert.DoesNotContain(last, static line => line.StartsWith("RUN ", StringComparison.Ordinal));
        Assert.DoesNotContain(dockerfile, static line =>
            (line.StartsWith("ENV ", StringComparison.Ordinal) || line.StartsWith("ARG ", StringComparison.Ordinal))
            && SecretName().IsMatch(line));
    }

    [Fact]
    public async Task Only_what_is_on_the_list_can_get_into_the_image()
    {
        var ignored = (await Repository.ReadAsync(".dockerignore")).Split('\n')
            .Where(static line => line.Length > 0 && !line.StartsWith('#')).ToList();

        Assert.Equal("*", ignored[0]);
        Assert.DoesNotContain(ignored, static line => line is "!*" or "!." or "!.env" or "!.git");
    }

    [Theory]
    [InlineData($"{Units}/llm-proxy.service")]
    [InlineData($"{Units}/llm-proxy-dispatcher@.service")]
    public async Task A_unit_says_only_what_systemd_knows_and_all_that_locks_it_down(string file)
    {
        var unit = await Deployment.UnitAsync(file);

        Assert.All(
            unit, static said => Assert.Contains(said.Name, Directives[said.Section], StringComparer.Ordinal));
        Assert.All(Locks, wanted => Assert.Contains(("Service", wanted.Name, wanted.Value), unit));
        Assert.DoesNotContain(unit, static said => said.Name == "Environment" && SecretName().IsMatch(said.Value));
    }

    [Theory]
    [InlineData($"{Units}/llm-proxy.service", "server")]
    [InlineData($"{Units}/llm-proxy-dispatcher@.service", "dispatcher")]
    public async Task A_unit_starts_a_command_with_options_that_it_has(string file, string command)
    {
        var start = Assert.Single(await Deployment.UnitAsync(file), static said => said.Name == "ExecStart").Value;

        var words = start.Split(' ');
        var known = CommandReference.Commands().Subcommands.Single(verb => verb.Name == command).Options
            .Select(static option => option.Name);
        Assert.Equal(["/usr/bin/llm-proxy", command], words.Take(2), StringComparer.Ordinal);
        Assert.All(
            words.Where(static word => word.StartsWith("--", StringComparison.Ordinal)),
            word => Assert.Contains(word, known, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_server_gets_all_the_time_that_it_takes_to_stop()
    {
        var front = Server.ReadFeatures(Settings()).Front;
        var longest = front.DrainDelay + front.DrainTimeout + new HostOptions().ShutdownTimeout;
        var unit = (await Deployment.UnitAsync($"{Units}/llm-proxy.service"))
            .Single(static said => said.Name == "TimeoutStopSec").Value;
        var service = (await Deployment.ServicesAsync()).Single(static named => named.Name == "proxy").Service;

        Assert.All(
            [$"{unit}s", service.Text("stop_grace_period")],
            patience =>
            {
                Assert.True(GoDuration.TryParse(patience, out var given));
                Assert.True(given > longest, $"{given} is not longer than {longest}");
            });
    }

    [Fact]
    public async Task Both_processors_get_the_same_packages()
    {
        var x64 = await PackagesAsync("src/LlmProxy/packages.lock.json");
        var arm64 = await PackagesAsync("src/LlmProxy/packages.linux-arm64.lock.json");

        Assert.Equal(
            x64,
            arm64.Select(static package => package.Replace("-arm64", "-x64", StringComparison.Ordinal)),
            StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("linux-x64", "src/LlmProxy/packages.lock.json")]
    [InlineData("linux-arm64", "src/LlmProxy/packages.linux-arm64.lock.json")]
    public async Task The_bill_of_materials_has_every_package_and_the_runtime(string runtime, string lockFile)
    {
        using var process = Process.Start(new ProcessStartInfo("bash", [Repository.PathOf("scripts/sbom"), runtime])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        using var bill = JsonDocument.Parse(
            await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        var listed = bill.RootElement.GetProperty("components").EnumerateArray()
            .Select(static component => component.GetProperty("purl").GetString()!["pkg:nuget/".Length..])
            .ToList();

        Assert.Equal(0, process.ExitCode);
        Assert.Equal("CycloneDX", bill.RootElement.GetProperty("bomFormat").GetString());
        Assert.All(
            await PackagesAsync(lockFile), package => Assert.Contains(package, listed, StringComparer.Ordinal));
        Assert.Contains(listed, package => package.StartsWith(
            $"Microsoft.AspNetCore.App.Runtime.{runtime}@10.0.", StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyList<string>> PackagesAsync(string lockFile)
    {
        using var file = JsonDocument.Parse(await Repository.ReadAsync(lockFile));
        return [.. file.RootElement.GetProperty("dependencies").EnumerateObject()
            .SelectMany(static section => section.Value.EnumerateObject())
            .Select(static package => $"{package.Name}@{package.Value.GetProperty("resolved").GetString()}")
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];
    }

    private static SettingsReader Settings() => ProcessSettings.Open(
        new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ENV"] = "/dev/null",
            ["MANAGEMENT_TOKEN"] = "what-a-test-is-allowed-to-know",
        });

    private static HashSet<string> KnownSettings()
    {
        var settings = Settings();
        Server.ReadFeatures(settings);

        // The runtime's own.
        return [.. settings.Known.Select(static setting => setting.Name), "DOTNET_EnableDiagnostics"];
    }

    [GeneratedRegex(@"^[ -]+uses: *(?<action>.*)$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 1000)]
    private static partial Regex Uses();

    [GeneratedRegex(@"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Pinned();

    [GeneratedRegex("KEY|TOKEN|PASSWORD|SECRET", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SecretName();

    [GeneratedRegex(@"\$\{(?<name>[A-Z_]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variable();
}
